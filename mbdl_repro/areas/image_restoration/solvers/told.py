"""Methods that are told of each image how it was observed, and what those of them share."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

import torch
from annotated_types import Ge, Gt
from torch import Tensor

from mbdl_repro.areas.image_restoration.physics.told import Told
from mbdl_repro.areas.image_restoration.priors.denoiser import Denoiser
from mbdl_repro.areas.image_restoration.solvers.denoiser_first import DenoiserFirst
from mbdl_repro.areas.image_restoration.systems.many_degradations import ManyDegradations
from mbdl_repro.contract.method import IterativeMethod, Method
from mbdl_repro.contract.scenario import Split
from mbdl_repro.learning.layers import Perceptron

LEAST_ERROR = 1e-10
"""Mean squared error a pixel below which a fit sees no better."""

HIDDEN = 16
"""Units of the network that sees f and σ."""


class ToldMethod(Method):
    """A method that finds in x how each image was observed.

    Args:
        belief: of the kind of images that come so; nothing in it is used.
    """

    def __init__(self, belief: ManyDegradations) -> None:
        super().__init__()

    def loss(
        self, x: Annotated[Tensor, "(n, 4, side, side)"], s: Annotated[Tensor, "(n, side, side)"]
    ) -> Tensor:
        """Return the mean over images of the logarithm of the mean squared error a pixel.

        It is PSNR but for sign and scale: an image in much noise counts as much as one in little.

        Args:
            x: observations (n, 4, side, side).
            s: images (n, side, side).
        """
        errors = (self(x) - s).square().mean((1, 2))
        return errors.clamp_min(LEAST_ERROR).log().mean()


class ToldDenoising(ToldMethod, IterativeMethod):
    """An iteration with a denoiser as prior, whose level follows the noise of each image.

    Args:
        iterations: K.
        channels: of the denoiser.
        layers: of the denoiser.
        strength: a, of the last level, σ_K = aσ.
        penalty: c, of ρ_k = c σ²/σ_k².
        first_std: the level σ_1, in pixels' units, from which σ_k come down to σ_K in equal ratios.
    """

    def __init__(
        self,
        belief: ManyDegradations,
        *,
        iterations: Annotated[int, Ge(1)] = 5,
        channels: Annotated[int, Ge(1)] = 12,
        layers: Annotated[int, Ge(2)] = 4,
        strength: Annotated[float, Gt(0)] = 1.0,
        penalty: Annotated[float, Gt(0)] = 0.3,
        first_std: Annotated[float, Gt(0)] = 0.2,
    ) -> None:
        super().__init__(belief)
        self.iterations: int = iterations
        self.prior: Denoiser = Denoiser(channels=channels, layers=layers)
        self.strength, self.penalty, self.first_std = strength, penalty, first_std

    def levels(self, noise_std: Annotated[Tensor, "(n,)"]) -> Annotated[Tensor, "(n, K)"]:
        """Return σ_1, …, σ_K of each image (n, K): from the first level down to aσ.

        Args:
            noise_std: σ (n,).
        """
        most = self.prior.largest_std
        last = (self.strength * noise_std).clamp(1e-4, most)
        first = last.clamp_min(min(self.first_std, most))
        K = self.iterations
        share = torch.arange(K).to(last) / (K - 1) if K > 1 else last.new_ones(1)
        return first[:, None] ** (1 - share) * last[:, None] ** share

    def penalties(
        self, noise_std: Annotated[Tensor, "(n,)"], levels: Annotated[Tensor, "(n, K)"]
    ) -> Annotated[Tensor, "(n, K)"]:
        """Return ρ_k = c σ²/σ_k² of each image (n, K).

        Args:
            noise_std: σ (n,).
            levels: σ_k (n, K).
        """
        return self.penalty * (noise_std.clamp_min(1e-4)[:, None] / levels).square()


class UnfoldedDenoising(DenoiserFirst, ToldDenoising):
    """The same, unfolded: denoiser and numbers of all iterations are trained end to end.

    A fit starts from the denoiser that plug-and-play uses, or from random weights of it. A small
    network sees f and σ of each image, and answers with what is added to logarithms of numbers of
    each iteration; its last layer starts at 0.

    Args:
        warm_start: whether a fit starts at the trained denoiser, or else at random weights.
        denoiser_steps: of gradient descent on images alone, before that through the iterations.
    """

    numbers: ClassVar[int]
    """How many there are in an iteration."""

    def __init__(
        self,
        belief: ManyDegradations,
        *,
        warm_start: bool = True,
        denoiser_steps: Annotated[int, Ge(1)] = 300,
        **settings: Any,
    ) -> None:
        super().__init__(belief, **settings)
        self.warm_start, self.denoiser_steps = warm_start, denoiser_steps
        self.adapter = Perceptron([2, HIDDEN, self.numbers * self.iterations])

    def initialize(self, train: Split, rng: torch.Generator) -> None:
        """Draw the small network's weights but for its last layer, and a denoiser's if asked."""
        self.adapter.draw(rng, gain=2.0, last_gain=0.0)
        super().initialize(train, rng)

    def adapted(self, given: Told) -> Annotated[Tensor, "(numbers, n, K)"]:
        """Return by what each number of each iteration is multiplied (numbers, n, K).

        Args:
            given: the observations.
        """
        seen = torch.stack([given.scales - 2, (given.noise_std.clamp_min(1e-4) / 0.01).log()], 1)
        answer = self.adapter(seen).view(len(seen), self.numbers, self.iterations)
        return answer.exp().movedim(1, 0)
