"""What every sparse recovery method is made of: F(s) = ½‖x − H s‖² + ρ‖s‖₁, and steps down it.

Signals s (n, m) and observations x (n, n_observations) hold one problem a row.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor


def soft_threshold(z: Tensor, threshold: Tensor | float) -> Tensor:
    """Shrink every entry towards zero: the proximal step of the ℓ₁ norm.

    T_β(z) = sign(z) max(|z| − β, 0) = argmin_s ½(s − z)² + β|s|

    Args:
        z: any shape.
        threshold: β ≥ 0, broadcast over z.

    Source: Example 3.6.
    """
    return z.sign() * (z.abs() - threshold).clamp_min(0.0)


def least_squares_gradient(s: Tensor, x: Tensor, H: Tensor) -> Tensor:
    """Return the gradient of ½‖x − H s‖² in s, Hᵀ(H s − x), for each row.

    Args:
        s: (n, m).
        x: (n, n_observations).
        H: (n_observations, m).
    """
    return (s @ H.mT - x) @ H


def proximal_gradient_step(
    s: Tensor, gradient: Tensor, step: Tensor | float, threshold: Tensor | float
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
    return soft_threshold(s - step * gradient, threshold)


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


def objective(s: Tensor, x: Tensor, H: Tensor, rho: float) -> Tensor:
    """Return F(s) = ½‖x − H s‖² + ρ‖s‖₁ of each row (n,)."""
    return 0.5 * (x - s @ H.mT).square().sum(1) + rho * s.abs().sum(1)


def duality_gap(s: Tensor, x: Tensor, H: Tensor, rho: float) -> Tensor:
    """Return for each row a certificate: F(s) − min F is at most this.

    The dual of min F is max ½‖x‖² − ½‖x − θ‖² over ‖Hᵀθ‖_∞ ≤ ρ. With the residual r = x − H s
    scaled into that set, θ = c r, c = min(1, ρ / ‖Hᵀr‖_∞), the gap is

    F(s) − ½‖x‖² + ½‖x − θ‖² = ½(1 − c)²‖r‖² + Σ_i (ρ|s_i| − c s_i (Hᵀr)_i),

    where no term is negative, so that a tiny gap is not lost in a difference of large numbers.

    Args:
        s: (n, m).
        x: (n, n_observations).
        H: (n_observations, m).
        rho: ρ > 0.

    Returns:
        Gaps (n,), zero at the minimum.

    Source: Kim, Koh, Lustig, Boyd and Gorinevsky, 2007, section III.
    """
    r = x - s @ H.mT
    correlation = r @ H
    c = (rho / correlation.abs().amax(1)).clamp_max(1.0)
    slack = rho * s.abs() - c[:, None] * s * correlation
    return 0.5 * (1 - c).square() * r.square().sum(1) + slack.sum(1)


def until_gap(
    iterates: Iterator[Tensor], x: Tensor, H: Tensor, rho: float, tolerance: float | None
) -> Iterator[Tensor]:
    """Hold every row at its first iterate with duality gap ≤ tolerance · ½‖x‖².

    Each row has its own stopping time, as if it had been solved alone; the iteration ends when
    all are held. A small change between iterates is no such sign: a small step does that too.

    Args:
        iterates: estimates (n, m), from the first on.
        x: (n, n_observations).
        H: (n_observations, m).
        rho: ρ of the objective.
        tolerance: largest relative gap; ``None`` lets all iterates pass.
    """
    if tolerance is None:
        yield from iterates
        return
    largest_gap = tolerance * 0.5 * x.square().sum(1)
    solved = torch.zeros(len(x), dtype=torch.bool, device=x.device)
    held = x.new_zeros(len(x), H.shape[1])
    for estimate in iterates:
        held = torch.where(solved[:, None], held, estimate)
        solved = solved | (duality_gap(held, x, H, rho) <= largest_gap)
        yield held
        if solved.all():
            return
