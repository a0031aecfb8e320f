"""Total variation where each image comes with its kernel, scale and noise level."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from annotated_types import Ge, Gt
from torch import Tensor

from mbdl_repro.areas.image_restoration.physics.told import told
from mbdl_repro.areas.image_restoration.solvers.analysis_admm import (
    analysis_admm_iterates,
    difference_filters,
    soft_stage,
)
from mbdl_repro.areas.image_restoration.solvers.told import ToldMethod
from mbdl_repro.areas.image_restoration.systems.many_degradations import ManyDegradations
from mbdl_repro.contract.method import Family, IterativeMethod


class ToldTotalVariation(ToldMethod, IterativeMethod):
    """ADMM on ½‖y − H s‖² + b σ² Σ_f ‖c_f ∗ s‖₁, where c_f are differences of the next pixels.

    It is the most likely image where differences are Laplacian, of density ∝ exp(−b |d|).

    Args:
        iterations: of ADMM.
        weight: b.
        penalty: of what fits x and the image, in ADMM.
        coupling: the same, of the differences and the image's.

    Maps x (n, 4, side, side), as the scenario makes it, to images (n, side, side), grey levels
    from 0 to 1.

    Source: Rudin, Osher and Fatemi, 1992; Boyd, Parikh, Chu, Peleato and Eckstein, 2011, for ADMM.
    """

    name = "told_total_variation"
    family = Family.MODEL_BASED

    def __init__(
        self,
        belief: ManyDegradations,
        *,
        iterations: Annotated[int, Ge(1)] = 60,
        weight: Annotated[float, Gt(0)] = 10.0,
        penalty: Annotated[float, Gt(0)] = 0.01,
        coupling: Annotated[float, Gt(0)] = 0.01,
    ) -> None:
        super().__init__(belief)
        self.iterations: int = iterations
        self.weight, self.penalty, self.coupling = weight, penalty, coupling
        self.differences: Tensor
        self.register_buffer("differences", difference_filters(4), persistent=False)

    def iterates(
        self, x: Annotated[Tensor, "(n, 4, side, side)"]
    ) -> Iterator[Annotated[Tensor, "(n, side, side)"]]:
        """Yield s_0 = H.start(y), s_1, … (n, side, side)."""
        given = told(x)
        threshold = self.weight * given.noise_std.square()[:, None, None, None] / self.coupling
        numbers = (threshold, self.penalty, self.coupling)
        stages = [soft_stage(self.differences.to(x), *numbers)] * self.iterations
        return analysis_admm_iterates(given.H.start(given.y), given.y, given.H, stages)
