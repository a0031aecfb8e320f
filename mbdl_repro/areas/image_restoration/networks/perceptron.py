"""Small fully connected networks that are smooth, with their Jacobians."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from mbdl_repro.learning.layers import Perceptron


class SmoothPerceptron(Perceptron):
    """Fully connected layers, with softplus, less its value at zero, between them.

    Args:
        widths: of the input, each hidden layer, and the output.
    """

    def __init__(self, widths: Sequence[int]) -> None:
        super().__init__(widths, "softplus")

    def with_jacobian(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Return the output (n, outputs), and its derivatives (n, inputs, outputs)."""
        tangent = torch.eye(z.shape[1], dtype=z.dtype, device=z.device).expand(len(z), -1, -1)
        for i, (weight, offset) in enumerate(zip(self.weights, self.offsets, strict=True)):
            if i:
                tangent = tangent * z.sigmoid()[:, None]
                z = self.activation(z)
            z = functional.linear(z, weight.to(z.dtype), offset.to(z.dtype))
            tangent = tangent @ weight.to(z.dtype).mT
        return z, tangent
