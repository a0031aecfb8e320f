"""DPDNN: an unfolded network that takes gradient steps towards the data and its denoiser."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Literal

from annotated_types import Gt
from torch import Tensor

from mbdl_repro.areas.image_restoration.physics.told import interpolated, told
from mbdl_repro.areas.image_restoration.solvers.told import UnfoldedDenoising
from mbdl_repro.areas.image_restoration.systems.many_degradations import ManyDegradations
from mbdl_repro.contract.method import Family


class Dpdnn(UnfoldedDenoising):
    """K gradient steps on ½‖y − H s‖² and the distance to what a denoiser makes of s.

    s ← s − δ_k/L Hᵀ(H s − y) − η_k (s − D(s, β_k σ_k))

    L is the largest eigenvalue of HᵀH, and all K steps share D. σ_k are those of plug-and-play;
    β_k, and what δ_k and η_k are multiplied by, a small network gives that sees f and σ.

    With the operator ``left_out``, H = I and y is interpolated: s ← (1 − δ − η) s + η D + δ y, as
    in the published code for deblurring. It starts from y, and no kernel has a part in it.

    Args:
        operator: whether the steps know H.
        step: δ_k before training.
        pull: η_k before training.

    Maps x (n, 4, side, side), as the scenario makes it, to images (n, side, side), grey levels
    from 0 to 1.

    Source: Section 5.3; Dong et al., 2018 (denoising prior driven deep neural network for image
    restoration), reduced: a small denoiser, and a start at one that was trained on images alone.
    """

    name = "dpdnn"
    family = Family.UNFOLDED_NETWORK
    numbers: ClassVar[int] = 3

    def __init__(
        self,
        belief: ManyDegradations,
        *,
        operator: Literal["known", "left_out"] = "known",
        step: Annotated[float, Gt(0)] = 1.0,
        pull: Annotated[float, Gt(0)] = 0.9,
        **settings: Any,
    ) -> None:
        super().__init__(belief, **settings)
        self.operator, self.step, self.pull = operator, step, pull

    def iterates(
        self, x: Annotated[Tensor, "(n, 4, side, side)"]
    ) -> Iterator[Annotated[Tensor, "(n, side, side)"]]:
        """Yield s_0, s_1, …, s_K (n, side, side)."""
        given = told(x)
        D = self.prior.prepared()
        delta, eta, beta = self.adapted(given)
        levels = beta * self.levels(given.noise_std)
        known = self.operator == "known"
        y = interpolated(given.y, given.scales)
        s = given.H.start(given.y) if known else y
        yield s
        steps = self.step * delta / given.H.largest[:, None] if known else self.step * delta
        for size, pull, level in zip(steps.mT, (self.pull * eta).mT, levels.mT, strict=True):
            gradient = given.H.gradient(s, given.y) if known else s - y
            towards = pull[:, None, None] * (s - D(s, level))
            s = s - size[:, None, None] * gradient - towards
            yield s
