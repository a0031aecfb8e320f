"""DeepRED: an untrained generator and a trained denoiser, which share one image."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from annotated_types import Ge, Gt
from torch import Tensor

from mbdl_repro.areas.image_restoration.physics.degradation import (
    DegradedImages,
    positive_noise_std,
)
from mbdl_repro.areas.image_restoration.physics.operators import operator_of
from mbdl_repro.areas.image_restoration.priors.denoiser import Denoiser
from mbdl_repro.areas.image_restoration.priors.prior import PriorMethod
from mbdl_repro.areas.image_restoration.solvers import untrained
from mbdl_repro.contract.method import Family


class DeepRed(PriorMethod):
    """A deep image prior, regularized by denoising, by ADMM on the split s = G(θ).

    min ½‖x − H G(θ)‖² + w/2 sᵀ(s − D(s, σ_D)),  s = G(θ),  w = c σ²/σ_D²,  σ_D = aσ

    θ: J steps of Adam on ½‖x − H G(θ)‖² + b/2 ‖G(θ) − (s − u)‖²;
    s ← (w D(s) + b (G(θ) + u)) / (w + b);  u ← u + G(θ) − s

    The first half of all steps are those of the deep image prior, from whose image s starts, with
    u = 0; the estimate is the last s. The penalty is b = w. Cut, for the time it takes on a CPU:
    all that deep_image_prior cuts.

    Args:
        belief: knows H and ``noise_std``, σ.
        iterations: steps of Adam in all.
        channels: of the denoiser.
        layers: of the denoiser.
        lipschitz: whether the denoiser is ``free`` or ``firmly_nonexpansive`` by construction.
        strength: a, the level σ_D over the noise.
        penalty: c.
        inner_iterations: J, steps of Adam between uses of the denoiser.
        generator_channels: of G.
        generator_layers: of G.
        step: Adam's.

    Source: Section 5.4; Mataev, Milanfar and Elad, 2019.
    """

    name = "deep_red"
    family = Family.DNN_AIDED_PRIOR

    def __init__(
        self,
        belief: DegradedImages,
        *,
        iterations: Annotated[int, Ge(1)] = 100,
        channels: Annotated[int, Ge(1)] = 16,
        layers: Annotated[int, Ge(2)] = 5,
        lipschitz: Literal["free", "firmly_nonexpansive"] = "free",
        strength: Annotated[float, Gt(0)] = 4.0,
        penalty: Annotated[float, Gt(0)] = 1.0,
        inner_iterations: Annotated[int, Ge(1)] = 10,
        generator_channels: Annotated[int, Ge(2)] = 64,
        generator_layers: Annotated[int, Ge(2)] = 4,
        step: Annotated[float, Gt(0)] = 0.03,
    ) -> None:
        super().__init__()
        self.H = operator_of(belief)
        noise_std = positive_noise_std(belief)
        self.prior: Denoiser = Denoiser(channels=channels, layers=layers, lipschitz=lipschitz)
        self.level = min(strength * noise_std, self.prior.largest_std)
        self.weight = penalty * noise_std**2 / self.level**2
        self.iterations = iterations
        self.inner_iterations = inner_iterations
        self.generator_channels = generator_channels
        self.generator_layers = generator_layers
        self.step = step

    def forward(self, x: Tensor) -> Tensor:
        """Return the restored images (n, side, side)."""
        return torch.cat([self._fitted(part) for part in x.split(untrained.ROWS)])

    def _fitted(self, x: Tensor) -> Tensor:
        fit = untrained.start(self.H.start(x), self.generator_channels, self.generator_layers)
        left = self.iterations // 2
        w = b = self.weight

        def loss(made: Tensor) -> Tensor:
            return 0.5 * (self.H(made.to(x.dtype)) - x).square().sum()

        untrained.descend(fit, loss, self.iterations - left, self.step)
        s = untrained.images(fit).to(x.dtype)
        u = torch.zeros_like(s)
        while left > 0:
            target = (s - u).detach()

            def pulled(made: Tensor, target: Tensor = target) -> Tensor:
                return loss(made) + 0.5 * b * (made.to(x.dtype) - target).square().sum()

            untrained.descend(fit, pulled, min(left, self.inner_iterations), self.step)
            left -= self.inner_iterations
            made = untrained.images(fit).to(x.dtype)
            s = (w * self.prior(s, self.level) + b * (made + u)) / (w + b)
            u = u + made - s
        return s
