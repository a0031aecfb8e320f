"""ADMM-CSNet: ADMM with filters, unfolded, with filters and shrinkage functions learned."""

from __future__ import annotations

import math
from functools import partial
from typing import Annotated, Any

import torch
from annotated_types import Ge
from torch import Tensor, nn
from torch.nn import functional

from mbdl_repro.areas.image_restoration.physics.degradation import DegradedImages
from mbdl_repro.areas.image_restoration.solvers.analysis_admm import AnalysisAdmm, Stage
from mbdl_repro.areas.sparse_recovery.updates.thresholding import soft_threshold
from mbdl_repro.contract.method import Family
from mbdl_repro.contract.scenario import Split

SPREAD = 0.1
"""Standard deviation of what a fit adds to each filter at first, so that copies differ."""


class AdmmCsnet(AnalysisAdmm):
    """K iterations of the ADMM of total variation, all of whose parts are trained.

    In each iteration: filters c_f, shrinkage functions, linear between knots, of what each filter
    sees, and the penalties of ADMM. Unfitted, the filters are the differences of total variation,
    each ``copies`` times, among which its weight and coupling are shared out, and the functions
    are its soft threshold: so many copies are total variation, and a fit makes them differ.

    Args:
        iterations: K, number of layers of the unfolded network.
        weight: ρ of total variation before training.
        penalty: of the agreement of image and data before training, as in total variation.
        coupling: the same, of what filters see.
        copies: filters for each difference.
        filter_side: pixels a side of a filter, odd.
        knots: on each side of 0, one threshold ρ/coupling apart; beyond them the outermost
            slopes go on.
        tied: whether all iterations share their weights.

    Maps x (n, …), as the degradation makes it, to images (n, side, side), grey levels from 0 to 1.

    Source: Section 5.3; Yang, Sun, Li and Xu, 2020.
    """

    name = "admm_csnet"
    family = Family.UNFOLDED_NETWORK
    parent = "total_variation"

    def __init__(
        self,
        belief: DegradedImages,
        *,
        iterations: Annotated[int, Ge(1)] = 8,
        copies: Annotated[int, Ge(1)] = 2,
        filter_side: Annotated[int, Ge(3)] = 5,
        knots: Annotated[int, Ge(2)] = 10,
        tied: bool = False,
        **settings: Any,
    ) -> None:
        super().__init__(belief, iterations=iterations, **settings)
        if filter_side % 2 == 0:
            raise ValueError(f"filter_side is {filter_side}: should be odd, for a pixel at centre")
        own = 1 if tied else iterations
        margin = (filter_side - 3) // 2
        filters = functional.pad(self.differences, [margin] * 4).repeat(copies, 1, 1)
        at = self.threshold * torch.arange(-knots, knots + 1, dtype=torch.float64)
        values = soft_threshold(at, self.threshold).expand(len(filters), -1)
        couplings = torch.full((own, len(filters)), self.coupling / copies, dtype=torch.float64)
        self.filters = nn.Parameter(filters.repeat(own, 1, 1, 1))
        self.values = nn.Parameter(values.repeat(own, 1, 1))
        penalties = torch.full((own,), math.log(self.penalty), dtype=torch.float64)
        self.log_penalty = nn.Parameter(penalties)
        self.log_coupling = nn.Parameter(couplings.log())

    @torch.no_grad()
    def initialize(self, train: Split, rng: torch.Generator) -> None:
        """Make the copies of a filter differ, alike in every iteration."""
        drawn = torch.randn(self.filters.shape[1:], generator=rng, dtype=self.filters.dtype)
        drawn -= drawn.mean((1, 2), keepdim=True)  # what is flat stays unseen
        self.filters.add_(SPREAD * drawn.to(self.filters.device))

    def stages(self, x: Tensor) -> list[Stage]:
        """Return the learned filters, functions and penalties of each iteration."""
        learned = (self.filters, self.values, self.log_penalty.exp(), self.log_coupling.exp())
        own = [
            Stage(filters, partial(between_knots, values, self.threshold), penalty, coupling)
            for filters, values, penalty, coupling in zip(*learned, strict=True)
        ]
        return own if len(own) > 1 else own * self.iterations


def between_knots(
    values: Annotated[Tensor, "(F, 2m + 1)"],
    spacing: float,
    seen: Annotated[Tensor, "(n, F, height, width)"],
) -> Tensor:
    """Return functions, given at equally spaced knots about 0, at what each filter sees.

    Args:
        values: (F, 2m + 1), at −m, …, m times the spacing.
        spacing: of knots.
        seen: (n, F, height, width).
    """
    n_knots = values.shape[1]
    place = seen / spacing + n_knots // 2
    # What is no number stays none through ``place``; as an index it would stop the program.
    left = place.detach().nan_to_num().floor().clamp(0, n_knots - 2)
    first = n_knots * torch.arange(len(values), device=values.device)[:, None, None]
    index = left.long() + first
    flat = values.flatten()
    below, above = flat[index], flat[index + 1]
    return below + (place - left) * (above - below)
