"""Total variation: images whose pixels differ little from the next ones, except at edges."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Annotated, Literal

from annotated_types import Ge, Gt
from torch import Tensor

from mbdl_repro.areas.image_restoration.physics.degradation import DegradedImages
from mbdl_repro.areas.image_restoration.physics.operators import operator_of
from mbdl_repro.areas.image_restoration.solvers.analysis_admm import (
    Stage,
    analysis_admm_iterates,
    difference_filters,
)
from mbdl_repro.areas.sparse_recovery.updates import soft_threshold
from mbdl_repro.contract.method import Family, IterativeMethod


class TotalVariation(IterativeMethod):
    """ADMM on ½‖x − H s‖² + ρ Σ_f ‖c_f ∗ s‖₁, where c_f are differences of neighbouring pixels.

    What fits x, and the differences, are one block of variables, and the image that both agree
    on is the other: each step is in closed form, whatever H is.

    Args:
        belief: knows H.
        iterations: K, number of iterations.
        weight: ρ.
        neighbours: 2: differences to the right and below; 4: along both diagonals too.
        penalty: of what fits x and the image, in ADMM.
        coupling: the same, of the differences and the image's.

    Source: Rudin, Osher and Fatemi, 1992; Boyd, Parikh, Chu, Peleato and Eckstein, 2011, for ADMM.
    """

    name = "total_variation"
    family = Family.MODEL_BASED

    def __init__(
        self,
        belief: DegradedImages,
        *,
        iterations: Annotated[int, Ge(1)],
        weight: Annotated[float, Gt(0)] = 0.005,
        neighbours: Literal[2, 4] = 2,
        penalty: Annotated[float, Gt(0)] = 0.03,
        coupling: Annotated[float, Gt(0)] = 0.03,
    ) -> None:
        super().__init__()
        self.H = operator_of(belief)
        self.filters: Tensor
        self.register_buffer("filters", difference_filters(neighbours), persistent=False)
        self.iterations: int = iterations
        self.weight = weight
        self.penalty = penalty
        self.coupling = coupling

    def iterates(self, x: Tensor) -> Iterator[Tensor]:
        """Yield s_0 = H.start(x), then the image that both blocks agree on (n, side, side)."""
        s = self.H.start(x)
        shrink = partial(soft_threshold, threshold=self.weight / self.coupling)
        stage = Stage(self.filters.to(x), shrink, self.penalty, self.coupling)
        return analysis_admm_iterates(s, x, self.H, [stage] * self.iterations)
