"""Least squares with a small image, in closed form."""

from __future__ import annotations

from typing import Annotated

from annotated_types import Gt
from torch import Tensor

from mbdl_repro.areas.image_restoration.physics.degradation import DegradedImages
from mbdl_repro.areas.image_restoration.solvers.restoration import Restoration
from mbdl_repro.contract.method import Family


class Tikhonov(Restoration):
    """The minimum of ½‖x − H s‖² + ρ/2 ‖s‖².

    ŝ = Hᵀ(H Hᵀ + ρ I)⁻¹x

    It is the best linear answer for white images of variance σ²/ρ about 0.

    Args:
        weight: ρ.

    Maps x (n, …), as the degradation makes it, to images (n, side, side), grey levels from 0 to 1.

    Source: Tikhonov, 1963.
    """

    name = "tikhonov"
    family = Family.MODEL_BASED

    def __init__(self, belief: DegradedImages, *, weight: Annotated[float, Gt(0)] = 0.01) -> None:
        super().__init__(belief)
        self.weight = weight

    def forward(self, x: Annotated[Tensor, "(n, …)"]) -> Annotated[Tensor, "(n, side, side)"]:
        """Map observations to images (n, side, side)."""
        self.H.check(x)
        return self.H.adjoint(self.H.solve_gram(x, self.weight))
