"""Total variation whose filters and weights are learned, through many iterations of its ADMM."""

from __future__ import annotations

import math
from typing import Any

from torch import Tensor, nn

from mbdl_repro.areas.image_restoration.physics.degradation import DegradedImages
from mbdl_repro.areas.image_restoration.solvers.analysis_admm import Stage, soft_stage
from mbdl_repro.areas.image_restoration.solvers.learned_analysis import LearnedFilters
from mbdl_repro.contract.method import Family


class BilevelFilters(LearnedFilters):
    """The minimum of ½‖x − H s‖² + Σ_f ρ_f ‖c_f ∗ s‖₁, with c_f and ρ_f trained for its error.

    min_{c, ρ} mean ‖ŝ(x; c, ρ) − s‖²,  ŝ = argmin_s ½‖x − H s‖² + Σ_f ρ_f ‖c_f ∗ s‖₁

    The lower problem is solved by the ADMM of total variation, the same in every iteration, and
    what it comes to is differentiated through all of them. To stop short of the first ones is to
    have another gradient: ADMM forgets where it started more slowly than its image settles.

    Args:
        iterations: of ADMM, in training as in use: so many that its image hardly moves.
        weight: ρ of total variation before training.

    Maps x (n, …), as the degradation makes it, to images (n, side, side), grey levels from 0 to 1.

    Source: Section 5.2; Crockett and Fessler, 2022 (bilevel methods for image reconstruction).
    """

    name = "bilevel_filters"
    family = Family.LEARNED_OPTIMIZATION
    parent = "total_variation"
    tied = True

    def __init__(self, belief: DegradedImages, **settings: Any) -> None:
        super().__init__(belief, **settings)
        share = self.threshold * self.coupling / self.copies
        each = self.filters.new_ones(self.filters.shape[1])
        self.log_weight = nn.Parameter(math.log(share) * each)

    def stages(self, x: Tensor) -> list[Stage]:
        """Return the learned filters and thresholds, the same for all iterations."""
        coupling = self.coupling / self.copies
        threshold = self.log_weight.exp()[:, None, None] / coupling
        stage = soft_stage(self.kernels()[0], threshold, self.penalty, coupling)
        return [stage] * self.iterations
