"""Plug-and-play half-quadratic splitting: fit the observation, denoise, and again."""

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
from mbdl_repro.areas.image_restoration.solvers.updates import half_quadratic_iterates
from mbdl_repro.contract.method import Family, IterativeMethod


class PlugAndPlayHqs(PriorMethod, IterativeMethod):
    """Half-quadratic splitting in which a denoiser trained on images alone stands for the prior.

    s ← argmin ½‖x − H s‖² + ρ/2 ‖s − v‖²,  v ← D(s, σ_k)

    The denoiser's level follows the noise: σ_K = aσ; and ρ_k = c σ²/σ_k². With ``first_std``
    σ_k comes down to it in equal ratios, else it is constant, and then the iteration converges
    for a firmly non-expansive denoiser, if there is a fixed point. Where ADMM's dual variable
    makes up for the distance of s and v, here the decrease of σ_k does.

    Args:
        belief: knows H and ``noise_std``, σ.
        iterations: K.
        channels: of the denoiser.
        layers: of the denoiser.
        lipschitz: whether the denoiser is ``free`` or ``firmly_nonexpansive`` by construction.
        strength: a, the last level over the noise.
        penalty: c.
        first_std: the level σ_1 in the first iteration, in pixels' units; ``None``: σ_K.

    Source: Section 5.4; Zhang, Zuo, Gu and Zhang, 2017; Zhang et al., 2022, for the schedule.
    """

    name = "plug_and_play_hqs"
    family = Family.DNN_AIDED_PRIOR

    def __init__(
        self,
        belief: DegradedImages,
        *,
        iterations: Annotated[int, Ge(1)] = 30,
        channels: Annotated[int, Ge(1)] = 16,
        layers: Annotated[int, Ge(2)] = 5,
        lipschitz: Literal["free", "firmly_nonexpansive"] = "free",
        strength: Annotated[float, Gt(0)] = 1.0,
        penalty: Annotated[float, Gt(0)] = 0.3,
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
        return half_quadratic_iterates(self.H.start(x), x, self.H, plugged)

    def once_more(self, s: Tensor, x: Tensor) -> Tensor:
        """Return the image after another iteration, with the last level.

        Args:
            s: images v (n, side, side).
            x: observations (n, …), as H makes them.
        """
        (denoise, rho), *_ = stages(self.prior, self.levels[-1:], self.noise_std, self.penalty)
        return denoise(self.H.proximal(s, x, rho))
