"""A generator of images with weights of its own for each observation, and their fit.

It is the deep decoder of Heckel and Hand (2019): from a small fixed random input, layers that
mix channels in every pixel, with bilinear enlargement between them. Weights of all images are
stacked, so that one matrix product a layer serves them all, and no row knows of another.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from functools import cache
from typing import Annotated, Any

import torch
from annotated_types import Ge, Gt
from torch import Tensor
from torch.nn import functional

from mbdl_repro.areas.image_restoration.physics.degradation import DegradedImages
from mbdl_repro.areas.image_restoration.solvers.adam import Adam
from mbdl_repro.areas.image_restoration.solvers.restoration import Restoration
from mbdl_repro.contract.seeding import torch_rng_for

ROWS = 32
"""Images whose weights are fitted side by side: more need more memory, and gain no time."""

Loss = Callable[[Tensor], Tensor]
"""From images (n, height, width) to one number, the sum over images of what each descends."""

EPSILON = 1e-5
"""Added to Adam's root mean squares. Gradients are sums over pixels, of order one: with the usual
1e-8, where one vanishes, a step would be made of its rounding errors."""


class Generators:
    """Generators of images, with equal initial weights, and the fit of their weights.

    As with networks, arithmetic is in single precision where no gradient is recorded.

    Args:
        images: (n, side, side); only shape, precision and device count.
        channels: of the input and of each hidden layer.
        layers: that mix channels, with the side doubled after each but the last.
    """

    def __init__(self, images: Tensor, channels: int, layers: int) -> None:
        n, self.side = images.shape[:2]
        kind = images.dtype if torch.is_grad_enabled() else torch.float32
        drawn = _drawn(self.side, channels, layers)
        self.latent, *weights = (tensor.to(images.device, kind) for tensor in drawn)
        stacked = [weight.expand(n, *weight.shape).clone() for weight in weights]
        self.adam = Adam(stacked, EPSILON)

    def generated(self, weights: Sequence[Tensor]) -> Annotated[Tensor, "(n, side, side)"]:
        """Return the images (n, side, side) of generators with these weights, between 0 and 1.

        Args:
            weights: of each layer (n, outputs, channels + 1); outputs is one in the last.
        """
        *hidden, last = weights
        z = self.latent.expand(len(last), *self.latent.shape)
        for i, weight in enumerate(hidden):
            z = _mixed(weight, z)
            side = -(-self.side // 2 ** (len(hidden) - 1 - i))
            z = functional.interpolate(z, size=(side, side), mode="bilinear", align_corners=False)
            z = z.relu()
            # Each channel of each image to mean zero and variance one.
            z = z - z.mean((2, 3), keepdim=True)
            z = z * (z.square().mean((2, 3), keepdim=True) + 1e-5).rsqrt()
        return _mixed(last, z)[:, 0].sigmoid()

    def images(self) -> Tensor:
        """Return what the generators make now."""
        with torch.no_grad():
            return self.generated(self.adam.reached)

    def descend(self, loss: Loss, steps: int, step: float) -> None:
        """Take steps of Adam down the loss of the images.

        Args:
            loss: what is descended, a number, as a function of the images (n, side, side).
            steps: how many.
            step: Adam's step size.
        """
        for _ in range(steps):
            self.adam.descend(lambda weights: loss(self.generated(weights)), step)


def _mixed(weight: Tensor, z: Tensor) -> Tensor:
    """Mix the channels of z (n, channels, …), and one of ones, in each pixel."""
    mixed = torch.baddbmm(weight[:, :, -1:], weight[:, :, :-1], z.flatten(2))
    return mixed.view(len(z), -1, *z.shape[2:])


@cache
def _drawn(side: int, channels: int, layers: int) -> tuple[Tensor, ...]:
    """Draw the input and the initial weights: a function of sizes, and of nothing else."""
    rng = torch_rng_for("untrained generator", side, channels, layers)
    smallest = -(-side // 2 ** (layers - 1))
    latent = torch.randn(channels, smallest, smallest, generator=rng, dtype=torch.float64)
    # The last column of each weighs a channel of ones.
    shapes = [(channels, channels + 1)] * (layers - 1) + [(1, channels + 1)]
    return latent, *(
        torch.randn(shape, generator=rng, dtype=torch.float64) / channels**0.5 for shape in shapes
    )


class UntrainedRestoration(Restoration):
    """A method that fits a generator's weights to each observation by itself.

    Args:
        belief: knows H.
        iterations: steps of Adam in all.
        step: Adam's.
    """

    def __init__(
        self,
        belief: DegradedImages,
        *,
        iterations: Annotated[int, Ge(1)] = 100,
        step: Annotated[float, Gt(0)] = 0.03,
        **settings: Any,
    ) -> None:
        super().__init__(belief, **settings)
        self.iterations = iterations
        self.step = step

    @abstractmethod
    def fitted(self, x: Tensor) -> Annotated[Tensor, "(n, side, side)"]:
        """Return the images (n, side, side) of a few observations."""

    def forward(self, x: Tensor) -> Annotated[Tensor, "(n, side, side)"]:
        """Return the fitted images (n, side, side)."""
        return torch.cat([self.fitted(part) for part in x.split(ROWS)])

    def misfit(self, x: Annotated[Tensor, "(n, …)"]) -> Loss:
        """Return ½‖x − H s‖², summed over images, as a function of these.

        Args:
            x: observations (n, …), as H makes them.
        """
        return lambda s: 0.5 * (self.H(s.to(x.dtype)) - x).square().sum()
