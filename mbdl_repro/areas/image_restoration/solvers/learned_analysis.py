"""What kinds of total variation share whose filters are learned."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

import torch
from annotated_types import Ge
from torch import Tensor, nn
from torch.nn import functional

from mbdl_repro.areas.image_restoration.physics.degradation import DegradedImages
from mbdl_repro.areas.image_restoration.solvers.analysis_admm import AnalysisAdmm
from mbdl_repro.contract.scenario import Split

SPREAD = 0.03
"""Standard deviation of what a fit adds to each filter's entries at first: copies then differ."""


class LearnedFilters(AnalysisAdmm):
    """ADMM on ½‖x − H s‖² + Σ_f ρ_f ‖c_f ∗ s‖₁, whose filters c_f are trained.

    Unfitted, they are the differences of total variation, each ``copies`` times, among which its
    weight and coupling are shared out: that is total variation. The mean of each filter is taken
    off, so that no flat image is seen.

    Args:
        copies: filters for each difference.
        filter_side: pixels a side of a filter, odd.
    """

    tied: ClassVar[bool]
    """Whether all iterations share their filters."""

    def __init__(
        self,
        belief: DegradedImages,
        *,
        copies: Annotated[int, Ge(1)] = 1,
        filter_side: Annotated[int, Ge(3)] = 5,
        **settings: Any,
    ) -> None:
        super().__init__(belief, **settings)
        if filter_side % 2 == 0:
            raise ValueError(f"filter_side is {filter_side}: should be odd, for a pixel at centre")
        self.copies = copies
        margin = (filter_side - 3) // 2
        first = functional.pad(self.differences, [margin] * 4).repeat(copies, 1, 1)
        self.filters = nn.Parameter(first.repeat(1 if self.tied else self.iterations, 1, 1, 1))

    @torch.no_grad()
    def initialize(self, train: Split, rng: torch.Generator) -> None:
        """Make the copies of a filter differ, if there are some, alike in every iteration."""
        if self.copies == 1:
            return
        drawn = torch.randn(self.filters.shape[1:], generator=rng, dtype=self.filters.dtype)
        self.filters.add_(SPREAD * drawn.to(self.filters.device))

    def kernels(self) -> Annotated[Tensor, "(sets, F, filter_side, filter_side)"]:
        """Return the filters less their means: one set, or one an iteration.

        They are (sets, F, filter_side, filter_side).
        """
        return self.filters - self.filters.mean((2, 3), keepdim=True)
