"""Plug-and-play ADMM: a trained denoiser where a prior's proximal step stood."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from annotated_types import Gt
from torch import Tensor

from mbdl_repro.areas.image_restoration.physics.degradation import DegradedImages
from mbdl_repro.areas.image_restoration.solvers.plug_and_play import PlugAndPlay, Stage
from mbdl_repro.areas.image_restoration.solvers.updates import admm_iterates
from mbdl_repro.contract.method import Family


class PlugAndPlayAdmm(PlugAndPlay):
    """ADMM whose prior is a denoiser that was trained on images alone.

    s ← argmin ½‖x − H s‖² + ρ/2 ‖s − (v − u)‖²,  v ← D(s + u, σ_k),  u ← u + s − v

    Maps x (n, …), as the degradation makes it, to images (n, side, side), grey levels from 0 to 1.

    Source: Section 5.4; Venkatakrishnan, Bouman and Wohlberg, 2013; Zhang et al., 2022, for the
    schedule.
    """

    name = "plug_and_play_admm"
    family = Family.DNN_AIDED_PRIOR

    def __init__(
        self, belief: DegradedImages, *, penalty: Annotated[float, Gt(0)] = 1.0, **settings: Any
    ) -> None:
        super().__init__(belief, penalty=penalty, **settings)

    def iteration(
        self, s: Tensor, x: Tensor, stages: list[Stage]
    ) -> Iterator[Annotated[Tensor, "(n, side, side)"]]:
        """Yield v_0 = s, v_1, … (n, side, side)."""
        return admm_iterates(s, x, self.H, stages)

    def once_more(
        self, s: Annotated[Tensor, "(n, side, side)"], x: Annotated[Tensor, "(n, …)"]
    ) -> Tensor:
        """Return v after another iteration, with the last level, from v = s and the dual of s.

        The first step leaves v where it is for one dual only, u = Hᵀ(x − H v)/ρ, which is the
        one at a fixed point: D(v + u) = v there, and nowhere else.

        Args:
            s: images v (n, side, side).
            x: observations (n, …), as H makes them.
        """
        ((denoise, rho),) = self.stages(self.levels[-1:])
        return denoise(s - self.H.gradient(s, x) / rho)
