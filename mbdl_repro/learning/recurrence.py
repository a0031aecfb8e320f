"""A gated recurrent unit over a whole sequence, with its gradient in few and large products."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional


def gru_states(fed: Tensor, of_hidden: Tensor, bias: Tensor) -> Tensor:
    """Return the hidden states of a gated recurrent unit at all steps, from a state of 0.

    r, z = σ(u + h B), the first 2k columns, and n = tanh(u + r ⊙ (h B + b)), the last k;
    h ← n + z ⊙ (h − n)

    Automatic differentiation calls some forty functions a step, on arrays so small that calls are
    what takes the time. Here the gradient is written out, with what steps share taken together.

    Args:
        fed: u, what the inputs are to the unit, (T, rows, 3k); of a stack of units
            (T, members, rows, 3k).
        of_hidden: B (k, 3k), or (members, k, 3k).
        bias: b (k,), or (members, k).

    Returns:
        The states h_1 … h_T, (T, ..., rows, k). They can be differentiated once.
    """
    states: Tensor = _Sequence.apply(fed, of_hidden, bias)
    return states


class _Sequence(torch.autograd.Function):
    """The recursion and, backwards in time, its gradient."""

    @staticmethod
    def forward(ctx: Any, fed: Tensor, of_hidden: Tensor, bias: Tensor) -> Tensor:
        k = bias.shape[-1]
        start = functional.pad(bias, (2 * k, 0)).unsqueeze(-2)
        multiply_add = torch.baddbmm if of_hidden.ndim == 3 else torch.addmm
        h = fed.new_zeros(*fed.shape[1:-1], k)
        kept: tuple[list[Tensor], ...] = ([h], [], [], [])  # h, both gates, n, h B + b
        for u_rz, u_n in zip(*(part.unbind() for part in fed.split((2 * k, k), -1)), strict=True):
            back_rz, back_n = multiply_add(start, h, of_hidden).split((2 * k, k), -1)
            rz = (u_rz + back_rz).sigmoid_()
            r, z = rz.chunk(2, -1)
            n = torch.addcmul(u_n, r, back_n).tanh_()
            h = torch.lerp(n, h, z)
            for values, value in zip(kept, (h, rz, n, back_n), strict=True):
                values.append(value)
        every, *others = map(torch.stack, kept)
        ctx.save_for_backward(every, *others, of_hidden)
        return every[1:]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        every, rz, n, back_n, of_hidden = ctx.saved_tensors
        before, (r, z) = every[:-1], rz.chunk(2, -1)
        # What ∂L/∂h_t is multiplied by, to be the gradient before tanh, and before each σ.
        of_n = (1 - z) * (1 - n * n)
        of_r = of_n * back_n * r * (1 - r)
        of_z = (before - n) * z * (1 - z)
        factors = torch.stack((of_r, of_z, of_n * r), -2).unbind()
        transposed = of_hidden.mT.contiguous()
        multiply_add = torch.baddbmm if of_hidden.ndim == 3 else torch.addmm
        g = torch.zeros_like(every[0])
        totals, backs = [], []
        for g_t, factor, z_t in reversed(list(zip(grad, factors, z, strict=True))):
            total = g + g_t
            back = (factor * total.unsqueeze(-2)).flatten(-2)
            g = multiply_add(total * z_t, back, transposed)
            totals.append(total)
            backs.append(back)
        of_back = torch.stack(backs[::-1])
        k = n.shape[-1]
        fed = torch.cat((of_back[..., : 2 * k], torch.stack(totals[::-1]) * of_n), -1)
        rows = (_as_rows(before), _as_rows(of_back))
        return fed, rows[0].mT @ rows[1], rows[1][..., 2 * k :].sum(-2)


def _as_rows(values: Tensor) -> Tensor:
    """Return values (T, ..., rows, ·) as (..., T · rows, ·)."""
    return values.movedim(0, -3).flatten(-3, -2)
