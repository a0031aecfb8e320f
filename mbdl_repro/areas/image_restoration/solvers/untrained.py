"""A generator of images with weights of its own for each observation, and their fit.

It is the deep decoder of Heckel and Hand (2019): from a small fixed random input, layers that
mix channels in every pixel, with bilinear enlargement between them. Weights of all images are
stacked, so that one matrix product a layer serves them all, and no row knows of another.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor
from torch.nn import functional

from mbdl_repro.contract.seeding import torch_rng_for

ROWS = 32
"""Images whose weights are fitted side by side: more need more memory, and gain no time."""

EPSILON = 1e-5
"""Added to Adam's root mean squares. Gradients are sums over pixels, of order one: with the usual
1e-8, where one vanishes, a step would be made of its rounding errors."""

Loss = Callable[[Tensor], Tensor]
"""From images (n, height, width) to one number, the sum over images of what each descends."""


@dataclasses.dataclass
class Fit:
    """The weights of n generators, and where Adam stands with them; changed by :func:`descend`.

    Args:
        latent: the input (channels, height, width), which is not fitted.
        side: pixels a side of the images.
        weights: of each layer (n, outputs, channels + 1); outputs is one in the last.
        means: Adam's running means of the gradients.
        squares: Adam's running means of their squares.
        steps: how many there were.
    """

    latent: Tensor
    side: int
    weights: list[Tensor]
    means: list[Tensor]
    squares: list[Tensor]
    steps: int = 0


def start(images: Tensor, channels: int, layers: int) -> Fit:
    """Return generators of images such as these, all alike at first.

    As with networks, arithmetic is in single precision where no gradient is recorded.

    Args:
        images: (n, side, side); only shape, precision and device count.
        channels: of the input and of each hidden layer.
        layers: that mix channels, with the side doubled after each but the last.
    """
    n, side = images.shape[:2]
    kind = images.dtype if torch.is_grad_enabled() else torch.float32
    latent, *weights = (tensor.to(images.device, kind) for tensor in _drawn(side, channels, layers))
    stacked = [weight.expand(n, *weight.shape).clone() for weight in weights]
    zeros = [torch.zeros_like(weight) for weight in stacked]
    return Fit(latent, side, stacked, zeros, [zero.clone() for zero in zeros])


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


def generated(fit: Fit, weights: list[Tensor]) -> Tensor:
    """Return the images (n, side, side) of generators with these weights, between 0 and 1.

    Args:
        fit: the generators, of which only the input and the side are used.
        weights: of each layer, with shapes as in :class:`Fit`.
    """
    *hidden, last = weights
    n = len(last)
    z = fit.latent.expand(n, *fit.latent.shape)
    for i, weight in enumerate(hidden):
        z = _mixed(weight, z)
        side = -(-fit.side // 2 ** (len(hidden) - 1 - i))
        z = functional.interpolate(z, size=(side, side), mode="bilinear", align_corners=False)
        z = z.relu()
        # Each channel of each image to mean zero and variance one.
        z = z - z.mean((2, 3), keepdim=True)
        z = z * (z.square().mean((2, 3), keepdim=True) + 1e-5).rsqrt()
    return _mixed(last, z)[:, 0].sigmoid()


def _mixed(weight: Tensor, z: Tensor) -> Tensor:
    """Mix the channels of z (n, channels, …), and one of ones, in each pixel."""
    mixed = torch.baddbmm(weight[:, :, -1:], weight[:, :, :-1], z.flatten(2))
    return mixed.view(len(z), -1, *z.shape[2:])


def descend(fit: Fit, loss: Loss, steps: int, step: float) -> None:
    """Take steps of Adam (Kingma and Ba, 2015) down the loss of the images.

    Args:
        fit: the generators, which are changed.
        loss: what is descended, a number, as a function of the images (n, side, side).
        steps: how many.
        step: Adam's step size.
    """
    for _ in range(steps):
        with torch.enable_grad():
            leaves = [weight.detach().requires_grad_() for weight in fit.weights]
            gradients = torch.autograd.grad(loss(generated(fit, leaves)), leaves)
        fit.steps += 1
        size, spread = step / (1 - 0.9**fit.steps), (1 - 0.999**fit.steps) ** 0.5
        for weight, g, mean, square in zip(
            fit.weights, gradients, fit.means, fit.squares, strict=True
        ):
            mean.lerp_(g, 0.1)
            square.mul_(0.999).addcmul_(g, g, value=0.001)
            weight.addcdiv_(mean, (square.sqrt() / spread).add_(EPSILON), value=-size)


def images(fit: Fit) -> Tensor:
    """Return what the generators make now."""
    with torch.no_grad():
        return generated(fit, fit.weights)
