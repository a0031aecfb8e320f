"""From snapshots to a covariance: which rows have one, its power, and smoothing over sub-arrays."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from torch import Tensor

from mbdl_repro.areas.doa.array import SensorArray

Smoothing = Literal["none", "forward", "forward_backward"]


ROWS = 128
"""Rows of which a copy is made at a time: copies of more leave the cache."""


def check_snapshots(
    x: Annotated[Tensor, "(n, N, T)"], n_sensors: int
) -> Annotated[Tensor, "(n, N, T)"]:
    """Return snapshots (n, N, T) in double precision.

    Args:
        x: (n, N, T), complex.
        n_sensors: N, which x should have.

    Raises:
        ValueError: as :func:`check_shape`.
    """
    check_shape(x, n_sensors)
    return x.to(torch.complex128)


def check_shape(x: Annotated[Tensor, "(n, N, T)"], n_sensors: int) -> None:
    """Refuse what are no snapshots.

    Args:
        x: (n, N, T), complex.
        n_sensors: N, which x should have.

    Raises:
        ValueError: if they are not complex, or not of so many sensors, or there is none.
    """
    if not x.is_complex() or x.ndim != 3 or x.shape[1] != n_sensors or x.shape[2] < 1:
        kind = "complex" if x.is_complex() else "real"
        raise ValueError(
            f"snapshots are {kind}, of shape {tuple(x.shape)}: they should be complex, "
            f"(rows, {n_sensors} sensors, snapshots >= 1)"
        )


def heard(x: Annotated[Tensor, "(n, N, T)"]) -> tuple[Tensor, Tensor]:
    """Return observations, and which rows (n,) have an answer: the others are made zero.

    A row without one is all zero, or has an entry that is infinite, or not a number, or is so
    small or so large that double precision does not hold its power.

    Args:
        x: snapshots (n, N, T), or features (n, ...).
    """
    rows = _holds(row_power(x))
    if rows.all():  # as a rule: nothing is copied
        return x, rows
    return torch.where(rows.view(-1, *[1] * (x.ndim - 1)), x, 0), rows


def row_power(x: Annotated[Tensor, "(n, ...)"]) -> Annotated[Tensor, "(n,)"]:
    """Return the sum of squares (n,) of each row of x (n, ...), in double precision.

    Of single precision, it is taken in this, which is ten times as fast, in rows that it can hold.
    """
    x = (torch.view_as_real(x.resolve_conj()) if x.is_complex() else x).flatten(1)
    power = torch.linalg.vector_norm(x, dim=1).square()
    held = _holds(power)
    if held.all():
        return power.double()
    return torch.where(held, power, torch.linalg.vector_norm(x.double(), dim=1).square())


def _holds(power: Tensor) -> Tensor:
    """Return which powers are finite, and not so small that they are rounded to few digits."""
    info = torch.finfo(power.dtype)
    return (power > info.tiny / info.eps) & power.isfinite()


def check_sizes(belief: SensorArray, smoothing: Smoothing, subarray: int | None) -> int:
    """Return the size L of sub-arrays: N without smoothing; if none is given, N/2 + 1, or M + 1.

    Args:
        belief: gives N, and M, which may be withheld.
        smoothing: sub-arrays whose covariances are to be averaged.
        subarray: L, if it is given; without smoothing it must not be.

    Raises:
        ValueError: if L is not more than M, nor at most N.
    """
    N, M = belief.n_sensors, belief.n_sources
    if smoothing == "none":
        if subarray is not None:
            raise ValueError(f"subarray is {subarray}, and smoothing is none: leave out subarray")
        return N
    least = 2 if M is None else M + 1
    L = max(N // 2 + 1, least) if subarray is None else subarray
    if not least <= L <= N:
        raise ValueError(
            f"subarray is {L}: allowed is {least} to {N}, more than the sources and at most the "
            "sensors"
        )
    return L


def sample_covariance(x: Annotated[Tensor, "(n, N, T)"]) -> Annotated[Tensor, "(n, N, N)"]:
    """Return R = X Xᴴ / T (n, N, N) of snapshots X (n, N, T); no mean is taken off."""
    return x @ x.mH / x.shape[-1]


def smoothed(
    R: Annotated[Tensor, "(..., N, N)"], smoothing: Smoothing, subarray: int
) -> Annotated[Tensor, "(..., L, L)"]:
    """Return the mean over sub-arrays of L sensors in a row of their covariances, (n, L, L).

    ``forward_backward`` averages it with its mirror image J R* J, too.

    Args:
        R: covariances (..., N, N), Hermitian.
        smoothing: ``none``: R itself; ``forward``, or ``forward_backward``.
        subarray: L; not read without smoothing.

    Returns:
        (..., L, L), Hermitian.

    Source: Shan, Wax and Kailath, 1985; Pillai and Kwon, 1989.
    """
    if smoothing == "none":
        return R
    L = subarray
    K = R.shape[-1] - L + 1
    forward = torch.stack([R[..., k : k + L, k : k + L] for k in range(K)]).mean(0)
    if smoothing == "forward":
        return forward
    return persymmetric(forward)


def persymmetric(R: Annotated[Tensor, "(..., L, L)"]) -> Tensor:
    """Return the mean of R (..., L, L) and its mirror image J R* J."""
    return (R + R.flip(-1, -2).conj()) / 2


def hermitian_toeplitz(
    moments: Annotated[Tensor, "(..., L)"],
) -> Annotated[Tensor, "(..., L, L)"]:
    """Return the Hermitian matrix (..., L, L) with one value on each diagonal, c_k on the k-th.

    T_ij = c_{j−i},  c_{−k} = c_k*

    Args:
        moments: c_0 … c_{L−1} (..., L), the first row, of which c_0 should be real.
    """
    L = moments.shape[-1]
    both = torch.cat([moments[..., 1:].flip(-1).conj(), moments], -1)  # c_{1−L} … c_{L−1}
    n = torch.arange(L, device=moments.device)
    return both[..., n - n[:, None] + L - 1]


def real_entries(R: Annotated[Tensor, "(..., L, L)"]) -> Annotated[Tensor, "(..., L, L)"]:
    """Return Re R + Im R: the L² real numbers that a Hermitian matrix is made of.

    Args:
        R: (..., L, L), Hermitian.
    """
    return R.real + R.imag


def hermitian(Z: Annotated[Tensor, "(..., L, L)"]) -> Annotated[Tensor, "(..., L, L)"]:
    """Return the Hermitian matrix (Z + Zᵀ)/2 + j (Z − Zᵀ)/2 that :func:`real_entries` gives back.

    Args:
        Z: any real numbers (..., L, L).
    """
    return torch.complex((Z + Z.mT) / 2, (Z - Z.mT) / 2)
