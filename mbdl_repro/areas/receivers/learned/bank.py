"""Networks of many channels, computed as one."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Annotated

import torch
from torch import Tensor, nn

from mbdl_repro.learning.layers import affine


class Bank(nn.Module):
    """A multilayer perceptron for each of C channels: a sigmoid after the first layer, then ReLU.

    Args:
        n_channels: C.
        widths: entries of the input, of each hidden layer, and of the output.
    """

    def __init__(self, n_channels: int, widths: Sequence[int]) -> None:
        super().__init__()
        self.weights = nn.ParameterList(
            torch.zeros(n_channels, before, after, dtype=torch.float64)
            for before, after in itertools.pairwise(widths)
        )
        self.offsets = nn.ParameterList(
            torch.zeros(n_channels, k, dtype=torch.float64) for k in widths[1:]
        )

    @torch.no_grad()
    def draw(self, rng: torch.Generator) -> None:
        """Draw weights U(−g, g) with g = √(6 / (fan-in + fan-out)), and set offsets to 0."""
        for weight, offset in zip(self.weights, self.offsets, strict=True):
            reach = math.sqrt(6 / (weight.shape[1] + weight.shape[2]))
            drawn = torch.rand(weight.shape, generator=rng, dtype=torch.float64)
            weight.copy_((2 * drawn - 1) * reach)
            offset.zero_()

    def forward(
        self, z: Annotated[Tensor, "(C, rows, inputs)"]
    ) -> Annotated[Tensor, "(C, rows, outputs)"]:
        """Map (C, rows, inputs) to (C, rows, outputs)."""
        return perceptrons(z, list(self.weights), list(self.offsets))


def perceptrons(
    z: Annotated[Tensor, "(C, rows, inputs)"], weights: Sequence[Tensor], offsets: Sequence[Tensor]
) -> Annotated[Tensor, "(C, rows, outputs)"]:
    """Return what C perceptrons make of rows of their own (C, rows, outputs).

    z_1 = σ(A_1 z_0 + b_1),  z_k = relu(A_k z_{k−1} + b_k),  of which the last has neither

    Args:
        z: z_0 (C, rows, inputs).
        weights: A_k of each layer (C, inputs, outputs).
        offsets: b_k of each layer (C, outputs).
    """
    last = len(weights) - 1
    for k, (weight, offset) in enumerate(zip(weights, offsets, strict=True)):
        z = affine(z, weight, offset)
        if k < last:
            z = z.sigmoid() if k == 0 else z.relu()
    return z
