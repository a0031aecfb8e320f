"""Layers of networks whose weights are drawn from a given generator, and 0 until then."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

Activation = Literal["relu", "tanh"]
ACTIVATIONS = {"relu": torch.relu, "tanh": torch.tanh}


class Perceptron(nn.Module):
    """Fully connected layers, with an activation between them.

    z_k = φ(W_k z_{k−1} + b_k),  of which the last has no φ

    Args:
        widths: entries of the input, of each hidden layer, and of the output.
        activation: φ.
    """

    def __init__(self, widths: Sequence[int], activation: Activation = "relu") -> None:
        super().__init__()
        self.activation = ACTIVATIONS[activation]
        self.weights = nn.ParameterList(
            torch.zeros(after, before, dtype=torch.float64)
            for before, after in itertools.pairwise(widths)
        )
        self.offsets = nn.ParameterList(torch.zeros(k, dtype=torch.float64) for k in widths[1:])

    @torch.no_grad()
    def draw(self, rng: torch.Generator, *, gain: float, last_gain: float) -> None:
        """Draw weights N(0, g / fan-in), and set offsets to 0.

        Args:
            rng: a generator of the CPU.
            gain: g of the hidden layers; 2 keeps the mean square of what passes a rectifier.
            last_gain: g of the last layer.
        """
        for weight, offset in zip(self.weights, self.offsets, strict=True):
            g = last_gain if weight is self.weights[-1] else gain
            drawn = torch.randn(weight.shape, generator=rng, dtype=weight.dtype)
            weight.copy_(drawn * math.sqrt(g / weight.shape[1]))
            offset.zero_()

    def forward(self, z: Tensor) -> Tensor:
        """Map (..., inputs) to (..., outputs)."""
        last = len(self.weights) - 1
        for k, (weight, offset) in enumerate(zip(self.weights, self.offsets, strict=True)):
            z = functional.linear(z, weight, offset)
            z = self.activation(z) if k < last else z
        return z
