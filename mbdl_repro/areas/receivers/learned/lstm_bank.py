"""Long short-term memories of many channels, each in both directions of time."""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor, nn

from mbdl_repro.learning.layers import draw_uniform


class LstmBank(nn.Module):
    """The weights of a bidirectional LSTM for each of C channels; 0 until drawn.

    [i, f, g, o] = A z_t + B h + b,  c ← σ(f) c + σ(i) tanh g,  h ← σ(o) tanh c,  from 0,

    once from the first value on, once from the last one back.

    Args:
        n_channels: C.
        n_in: entries of the input z_t.
        n_hidden: k, entries of the hidden state h of a direction.
    """

    def __init__(self, n_channels: int, n_in: int, n_hidden: int) -> None:
        super().__init__()
        self.n_hidden = n_hidden
        rows = (n_channels, 2, 4 * n_hidden)
        self.of_input = nn.Parameter(torch.zeros(*rows, n_in, dtype=torch.float64))
        self.of_hidden = nn.Parameter(torch.zeros(*rows, n_hidden, dtype=torch.float64))
        self.bias = nn.Parameter(torch.zeros(rows, dtype=torch.float64))

    @torch.no_grad()
    def draw(self, rng: torch.Generator) -> None:
        """Draw all entries from U(−1/√k, 1/√k)."""
        draw_uniform(self, self.n_hidden, rng)

    def forward(
        self, z: Annotated[Tensor, "(C, n, T, n_in)"]
    ) -> Annotated[Tensor, "(C, n, T, 2 k)"]:
        """Return the hidden states (C, n, T, 2 k): of what came so far, then of what comes yet.

        Args:
            z: inputs (C, n, T, n_in).
        """
        start = z.new_zeros(2, z.shape[1], self.n_hidden)
        found = []
        for own, A, B, b in zip(z, self.of_input, self.of_hidden, self.bias, strict=True):
            # PyTorch asks for a second offset, which is added to the first.
            weights = [w for one in zip(A, B, b, torch.zeros_like(b), strict=True) for w in one]
            states, _, _ = torch.lstm(own, (start, start), weights, True, 1, 0.0, False, True, True)
            found.append(states)
        return torch.stack(found)
