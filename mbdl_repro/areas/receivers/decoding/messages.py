"""Updates of belief propagation on a Tanner graph, whose edges lie check by check.

Messages are log-likelihood ratios, log p(c = 0) / p(c = 1), of m checks with up to d bits each, in
n words: (m, d, n). Words come last, so that an edge's messages are a row of memory.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Annotated, Any

import torch
from torch import Tensor

CheckRule = Callable[[Tensor, float, Tensor | None], Tensor]


def variable_messages(
    llr: Annotated[Tensor, "(N, n)"],
    incoming: Annotated[Tensor, "(m, d, n)"],
    bits: Annotated[Tensor, "(m, d)"],
) -> tuple[Annotated[Tensor, "(N, n)"], Annotated[Tensor, "(m, d, n)"]]:
    """Return what bits make of what checks say: L_v = l_v + Σ_c μ_{c→v}, and L_v − μ_{c→v}.

    Args:
        llr: l, of the channel (N, n).
        incoming: μ_{c→v}, messages of checks (m, d, n).
        bits: v of each edge (m, d).

    Returns:
        The ratios L of all that a bit hears (N, n), and for each edge those without what came
        along it (m, d, n).
    """
    edges = bits.flatten()
    total = llr.index_add(0, edges, incoming.flatten(0, 1))
    return total, total.index_select(0, edges).unflatten(0, bits.shape) - incoming


def sum_product(
    v: Annotated[Tensor, "(m, d, n)"],
    limit: float,
    missing: Annotated[Tensor, "(m, d, 1)"] | None = None,
) -> Annotated[Tensor, "(m, d, n)"]:
    """Return what a check concludes of each bit from the others: 2 artanh Π tanh(v_j / 2), j ≠ i.

    Args:
        v: messages of bits (m, d, n).
        limit: largest size of a message of a bit; larger ones are taken for that.
        missing: where there is no edge (m, d, 1), if that is anywhere.

    Source: textbook; Gallager, 1962.
    """
    found: Tensor = _SumProduct.apply(v, limit, missing)[0]
    return found


def min_sum(
    v: Annotated[Tensor, "(m, d, n)"],
    limit: float,
    missing: Annotated[Tensor, "(m, d, 1)"] | None = None,
) -> Annotated[Tensor, "(m, d, n)"]:
    """Return what a check concludes by its least reliable other bit: Π sign v_j · min |v_j|, j ≠ i.

    Args:
        v: messages of bits (m, d, n).
        limit: largest size of a message of a bit; larger ones are taken for that.
        missing: where there is no edge (m, d, 1), if that is anywhere.

    Source: textbook; Fossorier, Mihaljević and Imai, 1999.
    """
    sign, size = 1 - 2 * (v < 0).to(v), v.abs().clamp_max(limit)
    if missing is not None:
        sign, size = sign.masked_fill(missing, 1), size.masked_fill(missing, limit)
    least = size.amin(1, keepdim=True)
    is_least = size == least
    second = size.masked_fill(is_least, limit).amin(1, keepdim=True)
    is_shared = is_least.sum(1, keepdim=True) > 1
    others = torch.where(is_least & ~is_shared, second, least)
    return sign.prod(1, keepdim=True) * sign * others


class _SumProduct(torch.autograd.Function):
    """The rule and its gradient, in as few passes over memory as may be.

    ∂μ_i / ∂v_j = q_i / (1 − q_i²) · (1 − t_j²) / t_j,  q_i = Π t_l, l ≠ i,  t = tanh(v / 2)
    """

    generate_vmap_rule = True

    @staticmethod
    def forward(v: Tensor, limit: float, missing: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        t = v.clamp(-limit, limit).sigmoid_().mul_(2).sub_(1)
        t.masked_fill_(t == 0, 1e-12)  # others' product is divided by it
        if missing is not None:
            t.masked_fill_(missing, 1)
        # No product is larger but by rounding; nor is any 1, to which single precision rounds.
        most = min(math.tanh(limit / 2), 1 - torch.finfo(v.dtype).eps)
        q = (t.prod(1, keepdim=True) / t).clamp_(-most, most)
        return (1 + q).div_(1 - q).log_(), t, q

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        v, limit, _ = inputs
        _, t, q = output
        ctx.mark_non_differentiable(t, q)
        ctx.save_for_backward(v, t, q)
        ctx.limit = limit

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        v, t, q = ctx.saved_tensors
        each = (grads[0] * q).div_(1 - q * q)
        of_others = each.sum(1, keepdim=True) - each
        of_others.mul_(1 - t * t).div_(t).masked_fill_(v.abs() >= ctx.limit, 0)
        return of_others, None, None
