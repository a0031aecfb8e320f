"""Layers of networks whose weights are drawn from a given generator, and 0 until then."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from mbdl_repro.learning.recurrence import gru_states

Activation = Literal["relu", "tanh"]


def shifted_softplus(z: Tensor) -> Tensor:
    """Return log(1 + eᶻ) − log 2, a smooth rectifier that is 0 at 0."""
    return functional.softplus(z) - math.log(2)


ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": torch.relu,
    "tanh": torch.tanh,
    "softplus": shifted_softplus,
}


class Perceptron(nn.Module):
    """Fully connected layers, with an activation between them.

    z_k = φ(W_k z_{k−1} + b_k),  of which the last has no φ

    Args:
        widths: entries of the input, of each hidden layer, and of the output.
        activation: φ: ``relu``, ``tanh``, or ``softplus``, less its value at 0.
    """

    def __init__(self, widths: Sequence[int], activation: str = "relu") -> None:
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
        """Return y (..., n_out)."""
        return affine(x, self.weight, self.bias)

    def of_rows(self) -> Callable[[Tensor], Tensor]:
        """Return what maps x (rows, n_in), or (members, rows, n_in), to y, ready for many calls."""
        bias, weight = self.bias.unsqueeze(-2), self.weight
        return lambda x: add_product(bias, x, weight)


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
        inputs = torch.cat((self.of_input, torch.zeros_like(self.of_input[..., :k])), -1)
        gates, candidate = self.of_hidden.split((2 * k, k), -1)
        return inputs, torch.cat((gates, torch.zeros_like(candidate), candidate), -1)

    def forward(self, u: Tensor, h: Tensor) -> Tensor:
        """Return the next hidden state (n, k).

        Args:
            u: input (n, n_in).
            h: hidden state (n, k).
        """
        return self._next(self._fed(u), h)

    def states(self, u: Tensor) -> Tensor:
        """Return the hidden states (n, T, k) of inputs (n, T, n_in), from a state of 0.

        Of a stack of units, (members, n, T, ·). ``torch.gru`` takes no stacks.
        """
        k = self.n_hidden
        fed = affine(u, self.of_input, self.bias[..., : 3 * k]).movedim(-2, 0)
        return gru_states(fed, self.of_hidden, self.bias[..., 3 * k :]).movedim(0, -2)

    def last_state(self, u: Tensor) -> Tensor:
        """Return the last hidden state (n, k) of many inputs (n, T, n_in), from a state of 0."""
        k = self.n_hidden
        gates, of_input, of_hidden = self.bias.split((2 * k, k, k))
        biases = torch.cat((gates, of_input)), torch.cat((torch.zeros_like(gates), of_hidden))
        weights = [self.of_input.mT.contiguous(), self.of_hidden.mT.contiguous(), *biases]
        start = u.new_zeros(1, len(u), k)
        _, last = torch.gru(u, start, weights, True, 1, 0.0, False, False, True)
        return last[0]

    def _fed(self, u: Tensor) -> Tensor:
        return u @ self.of_input + self.bias[: 3 * self.n_hidden]

    def _next(self, fed: Tensor, h: Tensor) -> Tensor:
        k = self.n_hidden
        back = h @ self.of_hidden
        of_hidden = back[:, 2 * k :] + self.bias[3 * k :]
        return gru_update(fed[:, : 2 * k] + back[:, : 2 * k], fed[:, 2 * k :], of_hidden, h)


def affine(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Return x A + b (..., n_out), of one layer or of a stack of layers.

    Args:
        x: (..., n_in); for a stack (members, ..., n_in).
        weight: A (n_in, n_out), or (members, n_in, n_out).
        bias: b (n_out,), or (members, n_out).
    """
    if weight.ndim == 3:
        y = torch.baddbmm(bias.unsqueeze(-2), x.flatten(1, -2), weight)
        return y.unflatten(1, x.shape[1:-1])
    if x.ndim == 2:  # in one pass over memory
        return torch.addmm(bias, x, weight)
    return x @ weight + bias


def add_product(start: Tensor, x: Tensor, weight: Tensor) -> Tensor:
    """Return start + x A (rows, n_out) in one pass, or (members, rows, n_out) of a stack.

    Args:
        start: what is added to, (rows, n_out) or (1, n_out), likewise stacked.
        x: (rows, n_in), or (members, rows, n_in).
        weight: A (n_in, n_out), or (members, n_in, n_out).
    """
    return torch.baddbmm(start, x, weight) if x.ndim == 3 else torch.addmm(start, x, weight)


def block_diagonal(*blocks: Tensor) -> Tensor:
    """Return the matrix of these blocks (..., ·, ·) on its diagonal, and 0 elsewhere.

    Unlike ``torch.block_diag`` it takes stacks of matrices.

    Args:
        blocks: matrices, or stacks of as many members.
    """
    width = sum(block.shape[-1] for block in blocks)
    rows, before = [], 0
    for block in blocks:
        after = width - before - block.shape[-1]
        rows.append(functional.pad(block, (before, after)))
        before += block.shape[-1]
    return torch.cat(rows, -2)


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
