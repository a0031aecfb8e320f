"""A convolutional network in space and time from a movie to its bubbles."""

from __future__ import annotations

import itertools
import math
from typing import Annotated

import torch
from annotated_types import Ge
from torch import Tensor, nn
from torch.nn import functional

from mbdl_repro.areas.low_rank_sparse.movies import MovieMethod
from mbdl_repro.areas.low_rank_sparse.scenario import ContrastUltrasound
from mbdl_repro.contract.method import Family, Split


class MovieNetwork(MovieMethod):
    """Convolutions over frames, rows and columns, of real and imaginary parts as two channels.

    z_0 = x / c,  z_k = φ(W_k ∗ z_{k−1} + b_k),  ŝ = c (W_K ∗ z_{K−1} + b_K)

    φ is a rectifier; from the third layer on, z_{k−1} is added to hidden layers. c is the root
    mean square of x over the training movies.

    Args:
        channels: of each hidden layer.
        layers: K.
        kernel_side: of the kernels, in frames and in pixels.

    Source: ours; Solomon et al., 2020, compare with a residual network.
    """

    name = "movie_network"
    family = Family.DEEP_LEARNING

    scale: Tensor

    def __init__(
        self,
        belief: ContrastUltrasound,
        *,
        channels: Annotated[int, Ge(1)] = 8,
        layers: Annotated[int, Ge(2)] = 4,
        kernel_side: Annotated[int, Ge(1)] = 3,
    ) -> None:
        super().__init__(belief)
        widths = [2, *[channels] * (layers - 1), 2]
        self.weights = nn.ParameterList(
            torch.zeros(b, a, *3 * (kernel_side,), dtype=torch.float64)
            for a, b in itertools.pairwise(widths)
        )
        self.offsets = nn.ParameterList(torch.zeros(b, dtype=torch.float64) for b in widths[1:])
        self.register_buffer("scale", torch.tensor(1.0, dtype=torch.float64))

    @torch.no_grad()
    def initialize(self, train: Split, rng: torch.Generator) -> None:
        """Draw the weights, N(0, 2 / fan-in), of all layers but the last; set the scale of movies.

        The last is 0, so that no bubbles are seen at first.
        """
        self.scale.copy_(train.x.abs().square().mean().sqrt())
        for weight in self.weights[:-1]:
            drawn = torch.randn(weight.shape, generator=rng, dtype=weight.dtype)
            weight.copy_(drawn * math.sqrt(2 / weight[0].numel()))

    def bubbles(self, x: Annotated[Tensor, "(n, T, N, N)"]) -> Annotated[Tensor, "(n, T, N, N)"]:
        """Return the bubbles (n, T, N, N) of movies x (n, T, N, N)."""
        z = torch.view_as_real(x).movedim(-1, 1) / self.scale
        last = len(self.weights) - 1
        for k, (weight, offset) in enumerate(zip(self.weights, self.offsets, strict=True)):
            new = functional.conv3d(z, weight, offset, padding="same")
            hidden = new.relu() + z if 0 < k < last else new.relu()
            z = hidden if k < last else new
        return torch.view_as_complex((self.scale * z).movedim(1, -1).contiguous())
