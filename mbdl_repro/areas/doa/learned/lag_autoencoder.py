"""The network from lag features to a covariance, and the structures that this may be given."""

from __future__ import annotations

import math
from typing import Annotated, Literal

import torch
from torch import Tensor, nn

from mbdl_repro.areas.doa.signal.covariance import hermitian_toeplitz, persymmetric
from mbdl_repro.areas.doa.signal.spectrum import diagonal_means

Activation = Literal["anti_rectifier", "leaky_rectifier"]
Structure = Literal["free", "persymmetric", "toeplitz"]


class LagAutoencoder(nn.Module):
    """Convolutions with 2 × 2 kernels, three down and three up: (n, lags, 2N, N) to (n, 2N, N).

    The anti-rectifier z → (max(z, 0), max(−z, 0)) doubles the channels of each layer's output.
    Images, and so kernels, lie on their side: rows of 2N pixels take a fifth less time than of N.

    Args:
        lags: channels of the input.
        channels: of the three layers down; those up mirror them.
        activation: after each layer but the last.
    """

    def __init__(self, lags: int, channels: tuple[int, int, int], activation: Activation) -> None:
        super().__init__()
        a, b, c = channels
        k = 2 if activation == "anti_rectifier" else 1
        down = [(lags, a), (k * a, b), (k * b, c)]
        up = [(k * c, b), (k * b, a), (k * a, 1)]
        self.layers = nn.ModuleList(
            nn.utils.skip_init(kind, *pair, 2, dtype=torch.float64)
            for kind, pairs in ((nn.Conv2d, down), (nn.ConvTranspose2d, up))
            for pair in pairs
        )
        self.activation = activation

    @torch.no_grad()
    def draw(self, rng: torch.Generator) -> None:
        """Draw weights N(0, g / fan-in), with g such that layers keep the mean square."""
        leak = 0.0 if self.activation == "anti_rectifier" else LEAK
        for i, layer in enumerate(self.layers):
            weight, offset = layer.parameters()
            fan_in = 4 * weight.shape[1 if isinstance(layer, nn.Conv2d) else 0]
            gain = 2 / (1 + leak**2) if i else 1.0
            drawn = torch.randn(weight.shape, generator=rng, dtype=weight.dtype)
            weight.copy_(drawn.mT * math.sqrt(gain / fan_in))
            offset.zero_()

    def forward(
        self, features: Annotated[Tensor, "(n, lags, 2N, N)"]
    ) -> Annotated[Tensor, "(n, 2N, N)"]:
        """Return a real matrix (n, 2N, N) of features (n, lags, 2N, N), in their precision."""
        # With channels last in memory, a step of training takes a fifth less time.
        h = features.mT.contiguous(memory_format=torch.channels_last)
        for i, layer in enumerate(self.layers):
            if i and self.activation == "anti_rectifier":
                h = torch.cat([h, -h], 1).relu_()
            elif i:
                h = nn.functional.leaky_relu(h, LEAK, inplace=True)
            convolve = nn.functional.conv2d if i < MOST_LAYERS else nn.functional.conv_transpose2d
            weight, offset = layer.parameters()
            h = convolve(h, weight.to(h), offset.to(h))
        return h[:, 0].mT


MOST_LAYERS = 3
"""Convolutions in a row, each of which takes a row and a column off what it reads."""

LEAK = 0.5
"""Slope of the leaky rectifier below zero."""


def structured(
    R: Annotated[Tensor, "(n, N, N)"], structure: Structure
) -> Annotated[Tensor, "(n, N, N)"]:
    """Return the nearest matrix of a structure: the mean of what it makes equal.

    A covariance A P Aᴴ + σ² I of a uniform array is Toeplitz where P is diagonal, and its
    subspaces are persymmetric always.

    Args:
        R: (n, N, N), complex, Hermitian.
        structure: ``free``: R itself; ``persymmetric``: R = J R* J; ``toeplitz``: one value on
            each diagonal.

    Returns:
        (n, N, N), Hermitian.
    """
    if structure == "free":
        return R
    if structure == "persymmetric":
        return persymmetric(R)
    return hermitian_toeplitz(diagonal_means(R))
