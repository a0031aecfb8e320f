"""Convolutional networks, in single precision where no gradient is asked for."""

from __future__ import annotations

import itertools
import math
from typing import Annotated, Any

import torch
from torch import Tensor, nn
from torch.nn import functional

PIXEL_SCALE = 4.0
"""By which pixels, less ½, are multiplied before a network sees them: contrast is near one."""

CORRECTION_SCALE = 0.1
"""By which what a network answers is multiplied before it is added to pixels."""


class ConvolutionalNetwork(nn.Module):
    """Layers of 3 × 3 convolutions with rectifiers between them, from images to images.

    Images go on periodically, as they do for H. Where a gradient is recorded the arithmetic is
    that of the weights; elsewhere it is in single precision, ten times as fast on a CPU, and off
    by a millionth of what pixels hold.

    Args:
        channels: of each hidden layer.
        layers: of convolutions.
        inputs: channels that come in.
        outputs: channels that go out.
    """

    def __init__(self, channels: int, layers: int, inputs: int = 1, outputs: int = 1) -> None:
        super().__init__()
        widths = [inputs, *[channels] * (layers - 1), outputs]
        self.weights = nn.ParameterList(
            torch.zeros(b, a, 3, 3, dtype=torch.float64) for a, b in itertools.pairwise(widths)
        )
        self.offsets = nn.ParameterList(torch.zeros(b, dtype=torch.float64) for b in widths[1:])

    @torch.no_grad()
    def draw(self, rng: torch.Generator, last_scale: float = 0.0) -> None:
        """Draw the weights: N(0, 2 / fan-in); of the last layer, this share of it (0: zeros).

        Args:
            rng: a generator of the CPU.
            last_scale: factor of the standard deviation in the last layer; 0: zeros.
        """
        for i, (weight, offset) in enumerate(zip(self.weights, self.offsets, strict=True)):
            drawn = torch.randn(weight.shape, generator=rng, dtype=weight.dtype)
            scale = math.sqrt(2 / weight[0].numel())
            weight.copy_(drawn * (scale * (last_scale if i == len(self.weights) - 1 else 1.0)))
            offset.zero_()

    def forward(
        self, z: Annotated[Tensor, "(n, outputs, height, width)"]
    ) -> Annotated[Tensor, "(n, inputs, height, width)"]:
        """Map (n, inputs, height, width) to (n, outputs, height, width)."""
        given, single = z.dtype, not torch.is_grad_enabled()
        kind = torch.float32 if single else self.weights[0].dtype
        z = z.to(kind, memory_format=torch.channels_last)
        for i, (weight, offset) in enumerate(zip(self.weights, self.offsets, strict=True)):
            z = surrounded(z, rectified=i > 0)
            z = functional.conv2d(z, weight.to(kind), offset.to(kind))
        return z.to(given)

    def correction(self, z: Tensor) -> Annotated[Tensor, "(n, height, width)"]:
        """Return what the network adds to images (n, height, width): c N(a (z − ½)).

        With a = 4 and c = 1/10 weights of order one do what is wanted, and learn sooner.
        """
        return CORRECTION_SCALE * self(PIXEL_SCALE * (z[:, None] - 0.5))[:, 0]


def surrounded(
    z: Annotated[Tensor, "(n, channels, height, width)"], *, rectified: bool = False
) -> Annotated[Tensor, "(n, channels, height + 2, width + 2)"]:
    """Return images with one more pixel at each edge: those of the opposite edge.

    It is torch's rectifier and circular padding, with a gradient that takes less time: it is made
    in one piece, and in the order of pixels that convolutions compute in.

    Args:
        z: images (n, channels, height, width).
        rectified: whether negative entries become 0.

    Returns:
        Images (n, channels, height + 2, width + 2).
    """
    padded: Tensor = _Surrounded.apply(z, rectified)
    return padded


class _Surrounded(torch.autograd.Function):
    """A rectifier, if asked for, then circular padding."""

    generate_vmap_rule = True

    @staticmethod
    def forward(z: Tensor, rectified: bool) -> Tensor:
        z = functional.relu(z) if rectified else z
        return functional.pad(z, (1, 1, 1, 1), mode="circular")

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, bool], output: Tensor) -> None:
        ctx.rectified = inputs[1]
        if ctx.rectified:
            ctx.save_for_backward(output)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (g,) = gradients
        if ctx.rectified:
            g = torch.ops.aten.threshold_backward(g, *ctx.saved_tensors, 0)
        else:
            g = g.clone()
        # What was repeated adds to where it came from: rows first, so that corners do, too.
        g[..., 1, :] += g[..., -1, :]
        g[..., -2, :] += g[..., 0, :]
        g[..., 1] += g[..., -1]
        g[..., -2] += g[..., 0]
        return g[..., 1:-1, 1:-1], None
