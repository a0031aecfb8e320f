"""A few iterations of total variation's ADMM, with filters and thresholds of each learned."""

from __future__ import annotations

import math
from typing import Annotated, Any

from annotated_types import Ge
from torch import Tensor, nn

from mbdl_repro.areas.image_restoration.physics.degradation import DegradedImages
from mbdl_repro.areas.image_restoration.solvers.analysis_admm import Stage, soft_stage
from mbdl_repro.areas.image_restoration.solvers.learned_analysis import LearnedFilters
from mbdl_repro.contract.method import Family


class UnfoldedFilters(LearnedFilters):
    """K iterations of the ADMM of total variation, each with an objective of its own.

    d_f = T_{β_kf}(c_kf ∗ z − v_f),  penalties ρ_k of s = z, and μ_kf of d_f = c_kf ∗ z

    The filters c_kf are trained, and β, ρ and μ, as logarithms. Unfitted, it is total variation,
    cut off after K iterations. Where ADMM-CSNet learns a shrinkage function, this keeps the soft
    threshold.

    Args:
        iterations: K, number of layers of the unfolded network.
        weight: ρ of total variation before training.
        penalty: of the agreement of image and data before training, as in total variation.
        coupling: the same, of what filters see.

    Maps x (n, …), as the degradation makes it, to images (n, side, side), grey levels from 0 to 1.

    Source: Section 5.3; Yang, Sun, Li and Xu, 2020, for filters in ADMM.
    """

    name = "unfolded_filters"
    family = Family.UNFOLDED_OBJECTIVE
    parent = "total_variation"
    tied = False

    def __init__(
        self, belief: DegradedImages, *, iterations: Annotated[int, Ge(1)] = 8, **settings: Any
    ) -> None:
        super().__init__(belief, iterations=iterations, **settings)
        each = self.filters.new_ones(self.filters.shape[:2])
        self.log_threshold = nn.Parameter(math.log(self.threshold) * each)
        self.log_coupling = nn.Parameter(math.log(self.coupling / self.copies) * each)
        self.log_penalty = nn.Parameter(math.log(self.penalty) * each[:, 0])

    def stages(self, x: Tensor) -> list[Stage]:
        """Return the learned filters, thresholds and penalties of each iteration."""
        thresholds = self.log_threshold.exp()[..., None, None]
        learned = (self.kernels(), thresholds, self.log_penalty.exp(), self.log_coupling.exp())
        return [soft_stage(*each) for each in zip(*learned, strict=True)]
