"""The method of conjugate gradients, for images side by side, as pure functions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Annotated

import torch
from torch import Tensor

TOLERANCE = 1e-10
"""The norm of a residual, relative to the right-hand side's, at which a row counts as solved; ten
roundings in single precision."""

MOST_ITERATIONS = 1000
"""After which a row that is not solved stays as near as it has come."""


def conjugate_gradient_iterates(
    s: Annotated[Tensor, "(n, …)"],
    b: Annotated[Tensor, "(n, …)"],
    apply: Callable[[Tensor], Tensor],
    iterations: int,
    tolerance: float = 0.0,
) -> Iterator[Tensor]:
    """Yield s_0 = s, s_1, … of the method of conjugate gradients on A s = b, each row its own.

    α = ‖r‖² / ⟨p, A p⟩,  s ← s + α p,  r⁺ = r − α A p,  p ← r⁺ + (‖r⁺‖² / ‖r‖²) p,  r ← r⁺

    It ends, but for rounding, after as many iterations as A has different eigenvalues. A row that
    is solved stays as it is, and when all are, nothing more is yielded: so no row's answer depends
    on the others.

    Args:
        s: where to begin (n, …).
        b: right-hand sides (n, …).
        apply: A, symmetric and positive definite on each row.
        iterations: how many at most.
        tolerance: a row is solved where ‖r‖ is at most so many times ‖b‖.

    Source: Hestenes and Stiefel, 1952.
    """
    yield s
    least = tolerance**2 * _inner(b, b)
    r = b - apply(s)
    p, square = r, _unsolved(_inner(r, r), least)
    for i in range(iterations):
        # What is no number is above nothing: such rows are not waited for.
        if tolerance and not (square > 0).any():
            return
        Ap = apply(p)
        alpha = _quotient(square, _inner(p, Ap))
        s = s + alpha * p
        yield s
        if i < iterations - 1:
            r = r - alpha * Ap
            before, square = square, _unsolved(_inner(r, r), least)
            p = r + _quotient(square, before) * p


@torch.no_grad()
def solved(
    b: Annotated[Tensor, "(n, …)"], apply: Callable[[Tensor], Tensor]
) -> Annotated[Tensor, "(n, …)"]:
    """Return A⁻¹b (n, …) by conjugate gradients, until every row is solved to 1e-10.

    Rows are solved in units of their own largest entry, so that neither huge nor tiny ones leave
    the range of floating point; a row that is not finite has no answer, and touches no other.
    No gradient is recorded: A⁻¹ is its own adjoint, so whoever needs one solves once more.

    Args:
        b: right-hand sides (n, …).
        apply: A, symmetric and positive definite on each row.
    """
    scale = b.flatten(1).abs().amax(1).view(-1, *[1] * (b.ndim - 1))
    scale = torch.where(scale > 0, scale, 1.0)
    b = b / scale
    # Zero; but not a number in rows where an entry of b is none.
    start = (0 * _inner(b, b)).expand_as(b)
    tolerance = max(TOLERANCE, 10 * torch.finfo(b.dtype).eps)
    for s in conjugate_gradient_iterates(start, b, apply, MOST_ITERATIONS, tolerance):  # noqa: B007
        pass
    return scale * s


def _inner(a: Tensor, b: Tensor) -> Tensor:
    """Return the inner product of each row, (n, 1, …)."""
    return (a * b).flatten(1).sum(1).view(-1, *[1] * (a.ndim - 1))


def _unsolved(square: Tensor, least: Tensor) -> Tensor:
    """Return ‖r‖², and 0 where it is no more than what is asked for."""
    return torch.where(square <= least, 0.0, square)


def _quotient(a: Tensor, b: Tensor) -> Tensor:
    """Return a / b, and 0 where b is 0: nothing is left to solve there."""
    return torch.where(b > 0, a / torch.where(b > 0, b, 1.0), 0.0)
