"""Plug-and-play half-quadratic splitting: fit the observation, denoise, and again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from annotated_types import Gt
from torch import Tensor

from mbdl_repro.areas.image_restoration.physics.degradation import DegradedImages
from mbdl_repro.areas.image_restoration.solvers.plug_and_play import PlugAndPlay, Stage
from mbdl_repro.areas.image_restoration.solvers.updates import half_quadratic_iterates
from mbdl_repro.contract.method import Family


class PlugAndPlayHqs(PlugAndPlay):
    """Half-quadratic splitting whose prior is a denoiser that was trained on images alone.

    s ← argmin ½‖x − H s‖² + ρ/2 ‖s − v‖²,  v ← D(s, σ_k)

    Where ADMM's dual variable makes up for the distance of s and v, here the decrease of σ_k does.

    Maps x (n, …), as the degradation makes it, to images (n, side, side), grey levels from 0 to 1.

    Source: Section 5.4; Zhang, Zuo, Gu and Zhang, 2017; Zhang et al., 2022, for the schedule.
    """

    name = "plug_and_play_hqs"
    family = Family.DNN_AIDED_PRIOR

    def __init__(
        self, belief: DegradedImages, *, strength: Annotated[float, Gt(0)] = 1.0, **settings: Any
    ) -> None:
        super().__init__(belief, strength=strength, **settings)

    def iteration(
        self, s: Tensor, x: Tensor, stages: list[Stage]
    ) -> Iterator[Annotated[Tensor, "(n, side, side)"]]:
        """Yield v_0 = s, v_1, … (n, side, side)."""
        return half_quadratic_iterates(s, x, self.H, stages)
