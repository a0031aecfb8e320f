"""A convolutional network from the variance image of a movie to a map of emitters."""

from __future__ import annotations

import itertools
import math
from typing import Annotated

import torch
from annotated_types import Ge
from torch import Tensor, nn
from torch.nn import functional

from mbdl_repro.areas.sparse_recovery.microscopy import MovieMethod
from mbdl_repro.areas.sparse_recovery.systems.blinking_emitters import BlinkingEmitters
from mbdl_repro.contract.method import Family, Split


class EmitterNetwork(MovieMethod):
    """Convolutions on camera pixels, of which the last has a channel for each fine pixel inside.

    z_0 = g / c,  z_k = φ_k(W_k ∗ z_{k−1} + b_k),  ŝ = the channels of z_K, side by side

    φ_k is a rectifier, and the last one the smooth log(1 + eᶻ). It sees the variance image g, and
    knows nothing of the point-spread function. c is the root mean square of g over the training
    movies.

    Args:
        channels: of each hidden layer.
        layers: K.
        kernel_side: of the kernels, camera pixels.

    Source: ours; Nehme, Weiss, Michaeli and Shechtman, 2018, "Deep-STORM", for such a network, and
    Shi et al., 2016, for channels that become pixels.
    """

    name = "emitter_network"
    family = Family.DEEP_LEARNING

    scale: Tensor

    def __init__(
        self,
        belief: BlinkingEmitters,
        *,
        channels: Annotated[int, Ge(1)] = 32,
        layers: Annotated[int, Ge(2)] = 4,
        kernel_side: Annotated[int, Ge(1)] = 3,
    ) -> None:
        super().__init__(belief)
        widths = [1, *[channels] * (layers - 1), belief.upsampling**2]
        self.weights = nn.ParameterList(
            torch.zeros(b, a, kernel_side, kernel_side, dtype=torch.float64)
            for a, b in itertools.pairwise(widths)
        )
        self.offsets = nn.ParameterList(torch.zeros(b, dtype=torch.float64) for b in widths[1:])
        self.register_buffer("scale", torch.tensor(1.0, dtype=torch.float64))

    @torch.no_grad()
    def initialize(self, train: Split, rng: torch.Generator) -> None:
        """Draw the weights, N(0, 2 / fan-in), and set the scale of images."""
        self.scale.copy_(train.x.square().mean().sqrt())
        for weight, offset in zip(self.weights, self.offsets, strict=True):
            drawn = torch.randn(weight.shape, generator=rng, dtype=weight.dtype)
            weight.copy_(drawn * math.sqrt(2 / weight[0].numel()))
            offset.zero_()

    def forward(self, x: Tensor) -> Annotated[Tensor, "(n, G, G)"]:
        """Return the maps (n, G, G) of movies x (n, T, N, N), or of images (n, N, N)."""
        z = self.image(x)[:, None] / self.scale
        last = len(self.weights) - 1
        for k, (weight, offset) in enumerate(zip(self.weights, self.offsets, strict=True)):
            z = functional.conv2d(z, weight, offset, padding="same")
            z = z.relu() if k < last else functional.softplus(z)
        return functional.pixel_shuffle(z, self.belief.upsampling)[:, 0]
