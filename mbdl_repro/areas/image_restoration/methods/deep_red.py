"""DeepRED: an untrained generator and a trained denoiser, which share one image."""

from __future__ import annotations

from typing import Annotated, Any

import torch
from annotated_types import Ge, Gt
from torch import Tensor

from mbdl_repro.areas.image_restoration.physics.degradation import DegradedImages
from mbdl_repro.areas.image_restoration.solvers.plug_and_play import DenoiserRestoration
from mbdl_repro.areas.image_restoration.solvers.untrained import Generators, UntrainedRestoration
from mbdl_repro.contract.method import Family


class DeepRed(DenoiserRestoration, UntrainedRestoration):
    """A deep image prior, regularized by denoising, by ADMM on the split s = G(θ).

    min ½‖x − H G(θ)‖² + w/2 sᵀ(s − D(s, σ_D)),  s = G(θ),  w = c σ²/σ_D²,  σ_D = aσ

    θ: J steps of Adam on ½‖x − H G(θ)‖² + b/2 ‖G(θ) − (s − u)‖²;
    s ← (w D(s) + b (G(θ) + u)) / (w + b);  u ← u + G(θ) − s

    The first half of all steps are those of the deep image prior, from whose image s starts, with
    u = 0; the estimate is the last s. The penalty is b = w. Cut, for the time it takes on a CPU:
    all that deep_image_prior cuts.

    Args:
        belief: knows H and ``noise_std``, σ.
        inner_iterations: J, steps of Adam between uses of the denoiser.
        generator_channels: of G.
        generator_layers: of G.

    Maps x (n, …), as the degradation makes it, to images (n, side, side), grey levels from 0 to 1.

    Source: Section 5.4; Mataev, Milanfar and Elad, 2019.
    """

    name = "deep_red"
    family = Family.DNN_AIDED_PRIOR

    def __init__(
        self,
        belief: DegradedImages,
        *,
        strength: Annotated[float, Gt(0)] = 4.0,
        penalty: Annotated[float, Gt(0)] = 1.0,
        inner_iterations: Annotated[int, Ge(1)] = 10,
        generator_channels: Annotated[int, Ge(2)] = 64,
        generator_layers: Annotated[int, Ge(2)] = 4,
        **settings: Any,
    ) -> None:
        super().__init__(belief, strength=strength, penalty=penalty, **settings)
        self.inner_iterations = inner_iterations
        self.generator_channels = generator_channels
        self.generator_layers = generator_layers

    def fitted(self, x: Tensor) -> Annotated[Tensor, "(n, side, side)"]:
        """Return the restored images (n, side, side) of a few observations."""
        made = Generators(self.H.start(x), self.generator_channels, self.generator_layers)
        left = self.iterations // 2
        ((denoise, w),) = self.stages([self.level])
        b, misfit = w, self.misfit(x)
        made.descend(misfit, self.iterations - left, self.step)
        s = made.images().to(x.dtype)
        u = torch.zeros_like(s)
        while left > 0:
            target = (s - u).detach()

            def pulled(image: Tensor, target: Tensor = target) -> Tensor:
                return misfit(image) + 0.5 * b * (image.to(x.dtype) - target).square().sum()

            made.descend(pulled, min(left, self.inner_iterations), self.step)
            left -= self.inner_iterations
            image = made.images().to(x.dtype)
            s = (w * denoise(s) + b * (image + u)) / (w + b)
            u = u + image - s
        return s
