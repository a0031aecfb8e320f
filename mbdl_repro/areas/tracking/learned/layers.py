"""Layers of recurrent networks."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class Affine(nn.Module):
    """y = x A + b, with A (n_in, n_out); 0 until drawn.

    Args:
        n_in: entries of x.
        n_out: entries of y.
        start: b of a last layer, which no draw changes.
    """

    def __init__(self, n_in: int, n_out: int, start: Tensor | None = None) -> None:
        super().__init__()
        self.is_last = start is not None
        self.weight = nn.Parameter(torch.zeros(n_in, n_out, dtype=torch.float64))
        self.bias = nn.Parameter(
            torch.zeros(n_out, dtype=torch.float64) if start is None else start.flatten().clone()
        )

    def draw(self, rng: torch.Generator) -> None:
        """Draw all entries from U(−1/√n_in, 1/√n_in), except of a last layer."""
        if not self.is_last:
            draw_uniform(self, len(self.weight), rng)

    def forward(self, x: Tensor) -> Tensor:
        """Return y (rows, n_out)."""
        return torch.addmm(self.bias, x, self.weight)


class Gru(nn.Module):
    """The weights of a gated recurrent unit; 0 until drawn.

    r = σ(·), z = σ(·), n = tanh(x A_n + a_n + r ⊙ (h B_n + b_n)), h ← n + z ⊙ (h − n)

    Args:
        n_in: entries of the input x.
        n_hidden: k, entries of the hidden state h.
    """

    def __init__(self, n_in: int, n_hidden: int) -> None:
        super().__init__()
        self.n_hidden = n_hidden
        self.of_input = nn.Parameter(torch.zeros(n_in, 3 * n_hidden, dtype=torch.float64))
        self.of_hidden = nn.Parameter(torch.zeros(n_hidden, 3 * n_hidden, dtype=torch.float64))
        self.bias = nn.Parameter(torch.zeros(4 * n_hidden, dtype=torch.float64))

    def draw(self, rng: torch.Generator) -> None:
        """Draw all entries from U(−1/√k, 1/√k), k the number of hidden entries."""
        draw_uniform(self, self.n_hidden, rng)

    def columns(self) -> tuple[Tensor, Tensor]:
        """Return the weights of the input, and of the hidden state, as one product takes them.

        Both are (·, 4k): r and z, whose two parts are summed, then the input's part of n and the
        hidden state's, which are not.
        """
        k = self.n_hidden
        inputs = torch.cat((self.of_input, torch.zeros_like(self.of_input[:, :k])), 1)
        gates, candidate = self.of_hidden.split((2 * k, k), 1)
        return inputs, torch.cat((gates, torch.zeros_like(candidate), candidate), 1)


def draw_uniform(layer: nn.Module, n: int, rng: torch.Generator) -> None:
    """Draw a layer's entries from U(−1/√n, 1/√n).

    Args:
        layer: whose parameters are all overwritten.
        n: sets the range: the entries of a layer's input, or of a unit's hidden state.
        rng: generator that entries are drawn from, on the CPU.
    """
    for parameter in layer.parameters():
        drawn = torch.rand(parameter.shape, generator=rng, dtype=torch.float64)
        parameter.copy_((2 * drawn - 1) / math.sqrt(n))


def gru_update(gates: Tensor, of_input: Tensor, of_hidden: Tensor, h: Tensor) -> Tensor:
    """Return the next hidden state (rows, k).

    Args:
        gates: of r and z, before σ (rows, 2k).
        of_input: x A_n + a_n (rows, k).
        of_hidden: h B_n + b_n (rows, k).
        h: hidden state (rows, k).
    """
    r, z = gates.sigmoid().chunk(2, -1)
    return torch.lerp(torch.addcmul(of_input, r, of_hidden).tanh(), h, z)
