"""Small fully connected networks, with their Jacobians."""

from __future__ import annotations

import itertools
import math

import torch
from torch import Tensor, nn
from torch.nn import functional


class Perceptron(nn.Module):
    """Fully connected layers, with softplus shifted to zero at zero between them: smooth.

    Args:
        widths: of the input, each hidden layer, and the output.
    """

    def __init__(self, widths: list[int]) -> None:
        super().__init__()
        self.weights = nn.ParameterList(
            torch.zeros(b, a, dtype=torch.float64) for a, b in itertools.pairwise(widths)
        )
        self.offsets = nn.ParameterList(torch.zeros(b, dtype=torch.float64) for b in widths[1:])

    @torch.no_grad()
    def draw(self, rng: torch.Generator, last_scale: float = 1.0) -> None:
        """Draw the weights: N(0, 2 / fan-in); of the last layer, this share of it.

        Args:
            rng: a generator of the CPU.
            last_scale: factor of the standard deviation in the last layer.
        """
        for i, (weight, offset) in enumerate(zip(self.weights, self.offsets, strict=True)):
            drawn = torch.randn(weight.shape, generator=rng, dtype=weight.dtype)
            scale = math.sqrt(2 / weight.shape[1])
            weight.copy_(drawn * (scale * (last_scale if i == len(self.weights) - 1 else 1.0)))
            offset.zero_()

    def forward(self, z: Tensor) -> Tensor:
        """Map (n, inputs) to (n, outputs)."""
        for i, (weight, offset) in enumerate(zip(self.weights, self.offsets, strict=True)):
            z = functional.softplus(z) - math.log(2) if i else z
            z = functional.linear(z, weight.to(z.dtype), offset.to(z.dtype))
        return z

    def with_jacobian(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Return the output (n, outputs), and its derivatives (n, inputs, outputs)."""
        tangent = torch.eye(z.shape[1], dtype=z.dtype, device=z.device).expand(len(z), -1, -1)
        for i, (weight, offset) in enumerate(zip(self.weights, self.offsets, strict=True)):
            if i:
                tangent = tangent * z.sigmoid()[:, None]
                z = functional.softplus(z) - math.log(2)
            z = functional.linear(z, weight.to(z.dtype), offset.to(z.dtype))
            tangent = tangent @ weight.to(z.dtype).mT
        return z, tangent
