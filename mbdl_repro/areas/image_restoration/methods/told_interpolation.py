"""Interpolation of images of which each has a scale of its own."""

from __future__ import annotations

from typing import Annotated

from torch import Tensor

from mbdl_repro.areas.image_restoration.physics.told import interpolated, told
from mbdl_repro.areas.image_restoration.solvers.told import ToldMethod
from mbdl_repro.contract.method import Family


class ToldInterpolation(ToldMethod):
    """Cubic convolution between the pixels that were kept; blur and noise are left as they are.

    Maps x (n, 4, side, side), as the scenario makes it, to images (n, side, side), grey levels
    from 0 to 1.

    Source: Keys, 1981.
    """

    name = "told_interpolation"
    family = Family.MODEL_BASED

    def forward(
        self, x: Annotated[Tensor, "(n, 4, side, side)"]
    ) -> Annotated[Tensor, "(n, side, side)"]:
        """Map observations to images (n, side, side)."""
        given = told(x)
        return interpolated(given.y, given.scales)
