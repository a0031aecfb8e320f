"""A few iterations of total variation's ADMM, with the numbers that each goes by learned."""

from __future__ import annotations

import math
from typing import Annotated, Any

import torch
from annotated_types import Ge
from torch import Tensor, nn

from mbdl_repro.areas.image_restoration.physics.degradation import DegradedImages
from mbdl_repro.areas.image_restoration.solvers.analysis_admm import (
    AnalysisAdmm,
    Stage,
    soft_stage,
)
from mbdl_repro.contract.method import Family


class UnfoldedTotalVariation(AnalysisAdmm):
    """K iterations of the ADMM of total variation, with three learned numbers in each.

    The iteration is that of :func:`analysis_admm_iterates`, with d_f = T_{β_k}(c_f ∗ z − v_f) and
    penalties ρ_k, μ_k: β_k, ρ_k and μ_k are trained, as logarithms, and the differences c_f are
    not. Unfitted, it is total variation, cut off after K iterations.

    Args:
        iterations: K, number of layers of the unfolded network.
        weight: ρ of total variation before training.
        penalty: of the agreement of image and data before training, as in total variation.
        coupling: the same, of differences.

    Maps x (n, …), as the degradation makes it, to images (n, side, side), grey levels from 0 to 1.

    Source: Section 5.3; ours, of Rudin, Osher and Fatemi, 1992.
    """

    name = "unfolded_total_variation"
    family = Family.UNFOLDED_HYPERPARAMETERS
    parent = "total_variation"

    def __init__(
        self, belief: DegradedImages, *, iterations: Annotated[int, Ge(1)] = 8, **settings: Any
    ) -> None:
        super().__init__(belief, iterations=iterations, **settings)
        each = torch.ones(iterations, dtype=torch.float64)
        self.log_threshold = nn.Parameter(math.log(self.threshold) * each)
        self.log_penalty = nn.Parameter(math.log(self.penalty) * each)
        self.log_coupling = nn.Parameter(math.log(self.coupling) * each)

    def stages(self, x: Tensor) -> list[Stage]:
        """Return the learned threshold and penalties of each iteration."""
        C = self.differences.to(x)
        numbers = (self.log_threshold.exp(), self.log_penalty.exp(), self.log_coupling.exp())
        return [soft_stage(C, *each) for each in zip(*numbers, strict=True)]
