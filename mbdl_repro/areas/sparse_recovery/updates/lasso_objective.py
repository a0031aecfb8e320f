"""F(s) = ½‖x − H s‖² + ρ‖s‖₁ of signals s (n, m), and how far it is from its minimum."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import torch
from torch import Tensor


def objective(
    s: Annotated[Tensor, "(n, m)"],
    x: Annotated[Tensor, "(n, n_observations)"],
    H: Annotated[Tensor, "(n_observations, m)"],
    rho: float,
) -> Annotated[Tensor, "(n,)"]:
    """Return F(s) = ½‖x − H s‖² + ρ‖s‖₁ of each row (n,).

    Args:
        s: (n, m).
        x: (n, n_observations).
        H: (n_observations, m).
        rho: ρ > 0.
    """
    return 0.5 * (x - s @ H.mT).square().sum(1) + rho * s.abs().sum(1)


def duality_gap(
    s: Annotated[Tensor, "(n, m)"],
    x: Annotated[Tensor, "(n, n_observations)"],
    H: Annotated[Tensor, "(n_observations, m)"],
    rho: Tensor | float,
) -> Annotated[Tensor, "(n,)"]:
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
    return gap_of(s, r, r @ H, rho)


def gap_of(
    s: Annotated[Tensor, "(n, m)"],
    r: Annotated[Tensor, "(n, n_observations)"],
    correlation: Annotated[Tensor, "(n, m)"],
    rho: Tensor | float,
) -> Tensor:
    """Return :func:`duality_gap` where the residual and its correlation are at hand.

    Args:
        s: (n, m).
        r: x − H s (n, n_observations).
        correlation: Hᵀr (n, m).
        rho: ρ > 0.
    """
    c = (rho / correlation.abs().amax(1)).clamp_max(1.0)
    slack = rho * s.abs() - c[:, None] * s * correlation
    return 0.5 * (1 - c).square() * r.square().sum(1) + slack.sum(1)


def until_gap(
    iterates: Iterator[Annotated[Tensor, "(n, m)"]],
    x: Annotated[Tensor, "(n, n_observations)"],
    H: Annotated[Tensor, "(n_observations, m)"],
    rho: Tensor | float,
    tolerance: float | None,
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
        with torch.no_grad():  # gradients pass through what is held, and not through when
            solved = solved | (duality_gap(held, x, H, rho) <= largest_gap)
        yield held
        if solved.all():
            return
