"""Plug-and-play half-quadratic splitting where each image comes with its degradation."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Annotated

from torch import Tensor

from mbdl_repro.areas.image_restoration.physics.told import told
from mbdl_repro.areas.image_restoration.priors.denoiser import Denoiser
from mbdl_repro.areas.image_restoration.priors.prior import PriorMethod
from mbdl_repro.areas.image_restoration.solvers.told import ToldDenoising
from mbdl_repro.areas.image_restoration.solvers.updates import half_quadratic_iterates
from mbdl_repro.contract.method import Family


class ToldPlugAndPlay(PriorMethod, ToldDenoising):
    """Half-quadratic splitting whose prior is a denoiser that was trained on images alone.

    s ← argmin ½‖y − H s‖² + ρ_k/2 ‖s − v‖²,  v ← D(s, σ_k)

    H, and σ with its levels σ_k and ρ_k = c σ²/σ_k², are those of each image.

    Maps x (n, 4, side, side), as the scenario makes it, to images (n, side, side), grey levels
    from 0 to 1.

    Source: Section 5.4; Zhang, Zuo, Gu and Zhang, 2017; Zhang et al., 2022, for the schedule.
    """

    name = "told_plug_and_play"
    family = Family.DNN_AIDED_PRIOR
    prior: Denoiser

    def iterates(
        self, x: Annotated[Tensor, "(n, 4, side, side)"]
    ) -> Iterator[Annotated[Tensor, "(n, side, side)"]]:
        """Yield v_0 = H.start(y), v_1, …, v_K (n, side, side)."""
        given = told(x)
        D = self.prior.prepared()
        levels = self.levels(given.noise_std)
        penalties = self.penalties(given.noise_std, levels)
        stages = [(partial(D, std=s), r) for s, r in zip(levels.mT, penalties.mT, strict=True)]
        return half_quadratic_iterates(given.H.start(given.y), given.y, given.H, stages)
