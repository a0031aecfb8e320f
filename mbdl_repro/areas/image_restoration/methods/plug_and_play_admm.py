"""Plug-and-play ADMM: a trained denoiser where a prior's proximal step stood."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from annotated_types import Ge, Gt
from torch import Tensor

from mbdl_repro.areas.image_restoration.physics.degradation import (
    DegradedImages,
    positive_noise_std,
)
from mbdl_repro.areas.image_restoration.physics.operators import operator_of
from mbdl_repro.areas.image_restoration.priors.denoiser import Denoiser
from mbdl_repro.areas.image_restoration.priors.prior import PriorMethod
from mbdl_repro.areas.image_restoration.solvers.plug_and_play import (
    denoising_levels,
    stages,
)
from mbdl_repro.areas.image_restoration.solvers.updates import admm_iterates
from mbdl_repro.contract.method import Family, IterativeMethod


class PlugAndPlayAdmm(PriorMethod, IterativeMethod):
    """ADMM in which a denoiser that was trained on images alone stands for the prior.

    s ← argmin ½‖x − H s‖² + ρ/2 ‖s − (v − u)‖²,  v ← D(s + u, σ_k),  u ← u + s − v

    The denoiser's level follows the noise: σ_K = aσ; and ρ_k = c σ²/σ_k². With ``first_std``
    σ_k comes down to it in equal ratios, else it is constant, and then the iteration converges
    for a firmly non-expansive denoiser, if there is a fixed point.

    Args:
        belief: knows H and ``noise_std``, σ.
        iterations: K.
        channels: of the denoiser.
        layers: of the denoiser.
        lipschitz: whether the denoiser is ``free`` or ``firmly_nonexpansive`` by construction.
        strength: a, the last level over the noise.
        penalty: c.
        first_std: the level σ_1 in the first iteration, in pixels' units; ``None``: σ_K.

    Source: Section 5.4; Venkatakrishnan, Bouman and Wohlberg, 2013; Zhang et al., 2022, for the
    schedule.
    """

    name = "plug_and_play_admm"
    family = Family.DNN_AIDED_PRIOR

    def __init__(
        self,
        belief: DegradedImages,
        *,
        iterations: Annotated[int, Ge(1)] = 30,
        channels: Annotated[int, Ge(1)] = 16,
        layers: Annotated[int, Ge(2)] = 5,
        lipschitz: Literal["free", "firmly_nonexpansive"] = "free",
        strength: Annotated[float, Gt(0)] = 2.0,
        penalty: Annotated[float, Gt(0)] = 1.0,
        first_std: Annotated[float, Gt(0)] | None = 0.2,
    ) -> None:
        super().__init__()
        self.iterations = iterations
        self.H = operator_of(belief)
        self.noise_std = positive_noise_std(belief)
        self.prior: Denoiser = Denoiser(channels=channels, layers=layers, lipschitz=lipschitz)
        self.penalty = penalty
        self.levels = denoising_levels(
            self.noise_std, strength, first_std, iterations, self.prior.largest_std
        )

    def iterates(self, x: Tensor) -> Iterator[Tensor]:
        """Yield v_0, …, v_K (n, side, side)."""
        plugged = stages(self.prior, self.levels, self.noise_std, self.penalty)
        return admm_iterates(self.H.start(x), x, self.H, plugged)

    def once_more(self, s: Tensor, x: Tensor) -> Tensor:
        """Return v after another iteration, with the last level, from v = s and the dual of s.

        The first step leaves v where it is for one dual only, u = Hᵀ(x − H v)/ρ, which is the
        one at a fixed point: D(v + u) = v there, and nowhere else.

        Args:
            s: images v (n, side, side).
            x: observations (n, …), as H makes them.
        """
        (denoise, rho), *_ = stages(self.prior, self.levels[-1:], self.noise_std, self.penalty)
        return denoise(s - self.H.gradient(s, x) / rho)
