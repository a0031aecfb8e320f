"""Steps down F(s) = ½‖x − H s‖² + ρ‖s‖₁ of signals s (n, m), one problem a row."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import torch
from torch import Tensor

from mbdl_repro.areas.sparse_recovery.updates.thresholding import soft_threshold


def least_squares_gradient(
    s: Annotated[Tensor, "(n, m)"],
    x: Annotated[Tensor, "(n, n_observations)"],
    H: Annotated[Tensor, "(n_observations, m)"],
) -> Tensor:
    """Return the gradient of ½‖x − H s‖² in s, Hᵀ(H s − x), for each row.

    Args:
        s: (n, m).
        x: (n, n_observations).
        H: (n_observations, m).
    """
    return torch.addmm(x, s, H.mT, beta=-1) @ H


def proximal_gradient_step(
    s: Annotated[Tensor, "(n, m)"],
    gradient: Annotated[Tensor, "(n, m)"],
    step: Tensor | float,
    threshold: Tensor | float,
) -> Tensor:
    """Go down the gradient, then shrink: s ← T_β(s − μ g).

    With g = Hᵀ(H s − x) and β = μρ this is ISTA's step on F; LISTA learns g, μ and β.

    Args:
        s: (n, m).
        gradient: g (n, m).
        step: μ.
        threshold: β.

    Source: Examples 3.6 and 5.6; Daubechies, Defrise and De Mol, 2004.
    """
    return soft_threshold(moved(s, gradient, -step), threshold)


def moved(a: Tensor, b: Tensor, factor: Tensor | float) -> Tensor:
    """Return a + factor · b, in one pass over memory where the factor is a number.

    Args:
        a: any shape.
        b: the same shape.
        factor: a number, or a tensor that is broadcast over b.
    """
    return a + factor * b if isinstance(factor, Tensor) else torch.add(a, b, alpha=factor)


def lipschitz_constant(H: Tensor) -> float:
    """Return L, the largest eigenvalue of HᵀH: gradient steps up to 1/L never increase F."""
    return torch.linalg.matrix_norm(H, 2).square().item()


def momenta() -> Iterator[float]:
    """Yield FISTA's extrapolation factors without end.

    (t_k − 1) / t_{k+1} for k = 1, 2, …, with t_1 = 1 and t_{k+1} = (1 + √(1 + 4 t_k²)) / 2

    Source: Beck and Teboulle, 2009, equations 4.2 and 4.3.
    """
    t = 1.0
    while True:
        following = (1 + (1 + 4 * t * t) ** 0.5) / 2
        yield (t - 1) / following
        t = following
