"""The method of conjugate gradients, for images side by side, as a pure function."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from mbdl_repro.areas.image_restoration.physics.operators import Operator


def conjugate_gradient_iterates(
    s: Tensor, b: Tensor, apply: Callable[[Tensor], Tensor], iterations: int
) -> Iterator[Tensor]:
    """Yield s_0 = s, s_1, … of the method of conjugate gradients on A s = b, each row its own.

    α = ‖r‖² / ⟨p, A p⟩,  s ← s + α p,  r⁺ = r − α A p,  p ← r⁺ + (‖r⁺‖² / ‖r‖²) p,  r ← r⁺

    It ends, but for rounding, after as many iterations as A has different eigenvalues; a row
    that is solved exactly stays as it is.

    Args:
        s: where to begin (n, …).
        b: right-hand sides (n, …).
        apply: A, symmetric and positive definite on each row.
        iterations: how many.

    Source: Hestenes and Stiefel, 1952.
    """
    yield s
    r = b - apply(s)
    p, square = r, _inner(r, r)
    for i in range(iterations):
        Ap = apply(p)
        alpha = _quotient(square, _inner(p, Ap))
        s = s + alpha * p
        yield s
        if i < iterations - 1:
            r = r - alpha * Ap
            before, square = square, _inner(r, r)
            p = r + _quotient(square, before) * p


def data_step(
    s: Tensor, z: Tensor, x: Tensor, H: Operator, ridge: Tensor | float, iterations: int
) -> Tensor:
    """Return nearly argmin_s ½‖x − H s‖² + λ/2 ‖s − z‖², by conjugate gradients from s.

    They solve (HᵀH + λ I) s = Hᵀx + λ z, and need of H itself and its adjoint only.

    Args:
        s: where to begin (n, height, width).
        z: the images to stay near (n, height, width).
        x: observations (n, …), as H makes them.
        H: the operator.
        ridge: λ > 0.
        iterations: of conjugate gradients.
    """
    normal = conjugate_gradient_iterates(
        s, H.adjoint(x) + ridge * z, lambda p: H.adjoint(H(p)) + ridge * p, iterations
    )
    for estimate in normal:  # noqa: B007  (only the last is wanted)
        pass
    return estimate


def _inner(a: Tensor, b: Tensor) -> Tensor:
    """Return the inner product of each row, (n, 1, …)."""
    return (a * b).flatten(1).sum(1).view(-1, *[1] * (a.ndim - 1))


def _quotient(a: Tensor, b: Tensor) -> Tensor:
    """Return a / b, and 0 where b is 0: nothing is left to solve there."""
    return torch.where(b > 0, a / torch.where(b > 0, b, 1.0), 0.0)
