"""Pseudo-spectra of linear arrays, which are trigonometric polynomials, and where they are least.

With ω = 2π d sin θ, a(θ)ᴴ Q a(θ) = D(ω) = c_0 + 2 Re Σ_{k≥1} c_k exp(−j k ω), c_k the sum of the
k-th diagonal of a Hermitian matrix Q. For half a wavelength between sensors D has one period over
all angles, and −90° and 90° are the same; for less, both are ends.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Annotated

import torch
from torch import Tensor

from mbdl_repro.areas.doa.signal.peaks import is_peak

STEPS = 60
"""Most steps of refinement; Newton's double the digits, and bisection is rarely needed."""
CLOSE = 1e-14
"""Change of sin θ at which refinement ends."""


def diagonal_sums(Q: Annotated[Tensor, "(n, L, L)"]) -> Annotated[Tensor, "(n, L)"]:
    """Return c_0 … c_{L−1} (n, L) of Hermitian matrices (n, L, L)."""
    L = Q.shape[-1]
    return torch.stack([Q.diagonal(k, -2, -1).sum(-1) for k in range(L)], -1)


def diagonal_means(Q: Annotated[Tensor, "(n, L, L)"]) -> Annotated[Tensor, "(n, L)"]:
    """Return the means (n, L) of the diagonals 0 … L − 1 of matrices (n, L, L)."""
    L = Q.shape[-1]
    return torch.stack([Q.diagonal(k, -2, -1).mean(-1) for k in range(L)], -1)


def grid_angles(
    grid: int, spacing: float | None, device: torch.device | None = None
) -> Annotated[Tensor, "(G,)"]:
    """Return so many angles (G,) over [−90°, 90°), in rad; with spacing below 1/2, and 90° too.

    Args:
        grid: number of points over [−90°, 90°).
        spacing: d between sensors, in wavelengths; ``None``: they are not in equal steps.
        device: where the angles are put; ``None``: PyTorch's default.

    Returns:
        (G,), rising, in double precision; G is grid, or one more where 90° is in it.
    """
    points = torch.arange(grid + (spacing != 0.5), dtype=torch.float64, device=device)
    return (points / grid - 0.5) * math.pi


def evaluated(
    c: Annotated[Tensor, "(n, L)"], angle: Annotated[Tensor, "(G,)"], spacing: float
) -> Annotated[Tensor, "(n, G)"]:
    """Return D (n, G) at angles (G,), in rad.

    Args:
        c: coefficients (n, L).
        angle: (G,).
        spacing: d, in wavelengths.
    """
    return at_phases(c, 2 * math.pi * spacing * angle.sin())


def at_phases(
    c: Annotated[Tensor, "(n, L)"], omega: Annotated[Tensor, "(G,)"]
) -> Annotated[Tensor, "(n, G)"]:
    """Return D (n, G) at ω (G,), the same for all rows.

    Args:
        c: coefficients (n, L).
        omega: (G,), in rad.
    """
    cosine, sine = waves(omega, c.shape[-1])
    return c.real @ cosine + c.imag @ sine


def waves(omega: Annotated[Tensor, "(..., G)"], L: int) -> Annotated[Tensor, "(2, ..., L, G)"]:
    """Return what Re c and Im c are multiplied by, so that D is the sum: (2, ..., L, G).

    Args:
        omega: ω (..., G), in rad.
        L: number of coefficients.
    """
    phase = omega[..., None, :] * torch.arange(L, dtype=omega.dtype, device=omega.device)[:, None]
    weight = torch.full((L, 1), 2.0, dtype=omega.dtype, device=omega.device)
    weight[0] = 1
    # Re(c exp(−jφ)) = Re c cos φ + Im c sin φ
    return torch.stack([weight * phase.cos(), weight * phase.sin()])


def derivatives(
    c: Annotated[Tensor, "(L, n)"], omega: Annotated[Tensor, "(n,)"]
) -> tuple[Tensor, Tensor, Tensor]:
    """Return D, D′ and D″ (n,), each row at an ω of its own, by Horner's rule.

    Args:
        c: coefficients (L, n), one after another along the first axis, complex.
        omega: (n,), in rad.
    """
    z = torch.polar(torch.ones_like(omega), -omega)
    value, slope, bend = (torch.zeros_like(z) for _ in range(3))
    for k in range(len(c) - 1, 0, -1):
        value.add_(c[k]).mul_(z)
        slope.add_(k * c[k]).mul_(z)
        bend.add_(k**2 * c[k]).mul_(z)
    return c[0].real + 2 * value.real, 2 * slope.imag, -2 * bend.real


def lowest_minima(
    c: Annotated[Tensor, "(rows, L)"],
    n: int,
    spacing: float,
    grid: int,
    *,
    refine: bool,
    ends: bool = True,
) -> Annotated[Tensor, "(rows, n)"]:
    """Return the angles (rows, n) of the lowest local minima of D, rising, in rad.

    Args:
        c: coefficients (rows, L).
        n: how many.
        spacing: d, in wavelengths.
        grid: points over [−90°, 90°).
        refine: as of :func:`lowest_on_grid`.
        ends: as of :func:`lowest_on_grid`.
    """
    angle = grid_angles(grid, spacing, c.device)
    by_order, turn = c.T, 2 * math.pi * spacing

    def at(rows: Tensor, u: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        value, slope, bend = derivatives(by_order[:, rows], turn * u)
        return value, turn * slope, turn**2 * bend

    # D has L − 1 minima at most, and an end; twice as many as that, for those that rounding adds.
    D, most = evaluated(c, angle, spacing), 2 * c.shape[-1]
    circular = spacing == 0.5
    return lowest_on_grid(
        D, angle, n, at if refine else None, most=most, circular=circular, ends=ends
    )


def lowest_on_grid(
    D: Annotated[Tensor, "(rows, G)"],
    angle: Annotated[Tensor, "(G,)"],
    n: int,
    refine: Callable[[Tensor, Tensor], tuple[Tensor, Tensor, Tensor]] | None,
    *,
    most: int,
    circular: bool,
    ends: bool = True,
) -> Annotated[Tensor, "(rows, n)"]:
    """Return the angles (rows, n) of the lowest local minima of a function on a grid, rising.

    An end of a grid that is no circle is a minimum if the function rises from it. Where there are
    fewer than asked for, NaN stands behind.

    Args:
        D: (rows, G).
        angle: the grid (G,), in rad, rising.
        n: how many.
        refine: from rows (k,) and sin θ (k,) to the function there and its first two derivatives
            in sin θ, (k,) each: go on from the grid by Newton's method, kept between the
            neighbours on the grid; ``None``: stay on it.
        most: minima that are refined in a row.
        circular: −90° and 90° are one.
        ends: whether the first and the last point of the grid may be minima.
    """
    heights = torch.where(is_peak(-D, circular=circular), D, math.inf)
    if not ends:
        heights[:, [0, -1]] = math.inf
    candidates = min(max(n, most if refine else n), heights.shape[-1])
    height, at = heights.topk(candidates, largest=False, sorted=True)
    if refine:
        theta, height = _refined(refine, at, height, angle.sin(), circular=circular)
    else:
        theta = angle[at]
    height, order = height.sort(dim=-1, stable=True)
    theta = theta.gather(-1, order)
    theta = torch.where(height < math.inf, theta, math.nan)[:, :n]
    if theta.shape[-1] < n:
        theta = torch.cat([theta, theta.new_full((len(theta), n - theta.shape[-1]), math.nan)], -1)
    return theta.sort(-1).values


def _refined(
    derivatives_at: Callable[[Tensor, Tensor], tuple[Tensor, Tensor, Tensor]],
    at: Tensor,
    height: Tensor,
    u: Tensor,
    *,
    circular: bool,
) -> tuple[Tensor, Tensor]:
    """Return the minima's angles (rows, n) and their heights, infinite for what is none.

    Args:
        derivatives_at: as of :func:`lowest_on_grid`.
        at: (rows, n), indices on the grid.
        height: (rows, n), infinite for what is no minimum.
        u: sin θ of the grid (G,).
        circular: −1 and 1 are one.
    """
    row, column = (height < math.inf).nonzero(as_tuple=True)
    at = at[row, column]
    before, after = (u[-1:] - 2, u[:1] + 2) if circular else (u[:1], u[-1:])
    around = torch.cat([before, u, after])
    low, w, high = around[at], around[at + 1], around[at + 2]
    going = torch.arange(len(w), device=w.device)
    for _ in range(STEPS):
        if not len(going):
            break
        at_w = w[going]
        _, slope, bend = derivatives_at(row[going], at_w)
        low[going] = torch.where(slope > 0, low[going], at_w)
        high[going] = torch.where(slope > 0, at_w, high[going])
        newton = at_w - slope / bend
        inside = (bend > 0) & (newton >= low[going]) & (newton <= high[going])
        w[going] = torch.where(inside, newton, (low[going] + high[going]) / 2)
        going = going[(w[going] - at_w).abs() > CLOSE]
    refined, _, _ = derivatives_at(row, w)
    if circular:
        w = (w + 1).remainder(2) - 1
    theta = torch.full_like(height, math.nan)
    theta[row, column] = w.clamp(-1, 1).arcsin()
    height = torch.full_like(height, math.inf)
    height[row, column] = refined
    return _told_apart(theta, height)


def _told_apart(theta: Tensor, height: Tensor) -> tuple[Tensor, Tensor]:
    """Drop what came to the same minimum, from neighbours on a grid finer than rounding."""
    theta, order = theta.sort(-1)  # NaN last
    height = height.gather(-1, order)
    same = theta[:, 1:].sin() - theta[:, :-1].sin() < SAME
    height[:, 1:] = torch.where(same, math.inf, height[:, 1:])
    return theta, height


SAME = 1e-9
"""Sines of one minimum differ by less, those of two by far more."""
