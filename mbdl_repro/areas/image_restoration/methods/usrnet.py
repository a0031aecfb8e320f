"""USRNet: one unfolded network for many degradations, of which each image tells its own."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Annotated, ClassVar

from torch import Tensor

from mbdl_repro.areas.image_restoration.physics.told import told
from mbdl_repro.areas.image_restoration.solvers.told import UnfoldedDenoising
from mbdl_repro.areas.image_restoration.solvers.updates import half_quadratic_iterates
from mbdl_repro.contract.method import Family


class Usrnet(UnfoldedDenoising):
    """K steps of half-quadratic splitting, whose denoiser is trained through them.

    s ← argmin ½‖y − H s‖² + α_k ρ_k/2 ‖s − v‖²,  v ← D(s, β_k σ_k)

    The first step is in closed form in Fourier space, and holds all that depends on kernel and
    scale; all K share D. σ_k and ρ_k = c σ²/σ_k² are those of plug-and-play; α_k and β_k, by
    which they are multiplied, a small network gives that sees f and σ. It begins at 1.

    Maps x (n, 4, side, side), as the scenario makes it, to images (n, side, side), grey levels
    from 0 to 1.

    Source: Section 5.3; Zhang, Van Gool and Timofte, 2020 (deep unfolding network for image
    super-resolution), reduced: a small denoiser, and a start at plug-and-play.
    """

    name = "usrnet"
    family = Family.UNFOLDED_NETWORK
    parent = "told_plug_and_play"
    numbers: ClassVar[int] = 2

    def iterates(
        self, x: Annotated[Tensor, "(n, 4, side, side)"]
    ) -> Iterator[Annotated[Tensor, "(n, side, side)"]]:
        """Yield v_0 = H.start(y), v_1, …, v_K (n, side, side)."""
        given = told(x)
        D = self.prior.prepared()
        alpha, beta = self.adapted(given)
        levels = self.levels(given.noise_std)
        penalties = alpha * self.penalties(given.noise_std, levels)
        pairs = zip((beta * levels).mT, penalties.mT, strict=True)
        stages = [(partial(D, std=s), r) for s, r in pairs]
        return half_quadratic_iterates(given.H.start(given.y), given.y, given.H, stages)
