"""Covariances and the subspaces in them: what all subspace methods are made of.

All functions take batches, of double precision unless said otherwise, and can be differentiated
(once) in the covariance. Decompositions are taken as they are, and the derivative is that of what
does not depend on their phases and order: of a subspace, of a root, of an eigenvalue.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor

from mbdl_repro.areas.doa.array import SensorArray
from mbdl_repro.areas.doa.signal.roots import inner_roots
from mbdl_repro.areas.doa.signal.spectrum import diagonal_sums

Smoothing = Literal["none", "forward", "forward_backward"]


def check_snapshots(x: Tensor, n_sensors: int) -> Tensor:
    """Return snapshots (n, N, T) in double precision.

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
    return x.to(torch.complex128)


def heard(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return observations, and which rows (n,) have an answer: the others are made zero.

    A row without one is all zero, or has an entry that is infinite, or not a number.
    """
    rows = x.isfinite().flatten(1).all(1) & (x != 0).flatten(1).any(1)
    return torch.where(rows.view(-1, *[1] * (x.ndim - 1)), x, 0), rows


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


def sample_covariance(x: Tensor) -> Tensor:
    """Return R = X Xᴴ / T (n, N, N) of snapshots X (n, N, T); no mean is taken off."""
    return x @ x.mH / x.shape[-1]


def smoothed(R: Tensor, smoothing: Smoothing, subarray: int) -> Tensor:
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
    return (forward + forward.flip(-1, -2).conj()) / 2


def signal_subspace(R: Tensor, n_sources: int) -> Tensor:
    """Return an orthonormal basis (n, L, M) of the eigenvectors of the M largest eigenvalues.

    Its derivative is that of the subspace, in which only gaps between signal and noise
    eigenvalues stand: dU_s = U_n [(U_nᴴ dR U_s)_ij / (λ_j − λ_i)].

    Args:
        R: (n, L, L), Hermitian.
        n_sources: M.
    """
    eigenvalues, V = torch.linalg.eigh(R.detach())
    Un, Us = V[..., :-n_sources], V[..., -n_sources:]
    if not R.requires_grad:
        return Us
    gaps = eigenvalues[..., None, -n_sources:] - eigenvalues[..., :-n_sources, None]
    # Zero where R is what it is: only its derivative is of use.
    turned = (Un.mH @ R @ Us) / gaps.clamp_min(_tiny(gaps))
    return Us + Un @ (turned - turned.detach())


def noise_polynomial(Us: Tensor) -> Tensor:
    """Return c_0 … c_{L−1} (n, L) of a(z)ᴴ F a(z) = Σ_k c_k zᵏ, with c_{−k} = c_k*.

    F = I − U_s U_sᴴ is the projector on the noise subspace, a(z) = (1, z, …, z^{L−1}), and c_k
    the sum of the k-th diagonal of F.
    """
    L = Us.shape[-2]
    F = torch.eye(L, dtype=Us.dtype, device=Us.device) - Us @ Us.mH
    return diagonal_sums(F)


def polynomial_roots(c: Tensor) -> Tensor:
    """Return the 2L − 2 roots z (n, 2L − 2) of Σ_{k=1−L}^{L−1} c_k z^{k+L−1}, not differentiable.

    They come in pairs z and 1/z*: first those inside the unit circle, nearest to it first.
    """
    inner = roots_inside(c)
    return torch.cat([inner, 1 / inner.conj()], -1)


def roots_inside(c: Tensor) -> Tensor:
    """Return one root of each pair, |z| ≤ 1, (n, L − 1), nearest to the circle first.

    It is not differentiable.

    Args:
        c: coefficients (n, L) of :func:`noise_polynomial`.
    """
    with torch.no_grad():
        return inner_roots(c)


def roots_of_sources(c: Tensor, n_sources: int) -> Tensor:
    """Return the M roots z (n, M) inside the unit circle that are nearest to it.

    Their derivative is that of the implicit function, dz = −dp(z) / p'(z).

    Args:
        c: coefficients (n, L) of :func:`noise_polynomial`.
        n_sources: M.
    """
    z = roots_inside(c)[..., :n_sources]
    if not c.requires_grad:
        return z
    whole = torch.cat([c[..., 1:].conj().flip(-1), c], -1)
    powers = torch.arange(whole.shape[-1], device=z.device)
    zk = z[..., None] ** powers
    p = (whole[..., None, :] * zk).sum(-1)
    slope = (whole.detach()[..., None, 1:] * powers[1:] * zk[..., :-1]).sum(-1)
    step = p / slope
    return z - (step - step.detach())


def esprit_roots(Us: Tensor) -> Tensor:
    """Return the eigenvalues z (n, M) of Φ, with U_s↓ = U_s↑ Φ.

    U_s↑ lacks the last row of U_s, and U_s↓ its first; Φ is that of least squares. The roots'
    derivative is dz_i = (W⁻¹ dΦ W)_ii, W the eigenvectors.

    Args:
        Us: an orthonormal basis (n, L, M).

    Source: Roy and Kailath, 1989 (least squares).
    """
    upper, lower = Us[..., :-1, :], Us[..., 1:, :]
    Phi = upper.mH @ lower
    # (I − u uᴴ)⁻¹, u the conjugate of the row that is missing from the upper part of the basis.
    u = Us[..., -1:, :].mH
    left = 1 - (u.mH @ u).real
    Phi = Phi + u @ (u.mH @ Phi) / left.clamp_min(_tiny(left))
    if not Phi.requires_grad:
        return torch.linalg.eigvals(Phi)
    with torch.no_grad():
        z, W = torch.linalg.eig(Phi)
        inverse, failed = torch.linalg.inv_ex(W)
        # Of eigenvalues without eigenvectors of their own there is no derivative.
        sound = (failed == 0)[..., None, None] & inverse.isfinite().all((-2, -1), keepdim=True)
        eye = torch.eye(Phi.shape[-1], dtype=Phi.dtype, device=Phi.device)
        W, inverse = torch.where(sound, W, eye), torch.where(sound, inverse, eye)
    turned = (inverse @ Phi @ W).diagonal(dim1=-2, dim2=-1)
    return z + (turned - turned.detach())


def angles_of(z: Tensor, spacing: float) -> Tensor:
    """Return θ (n, M) of roots z = r exp(−j 2π d sin θ), in ascending order.

    Args:
        z: roots (n, M), complex, of any modulus.
        spacing: d between sensors, in wavelengths.

    Returns:
        (n, M), in rad.
    """
    return directions(z, spacing).sort(-1).values


def directions(z: Tensor, spacing: float) -> Tensor:
    """Return θ (n, K) of each root z = r exp(−j 2π d sin θ).

    At end-fire the derivative of the arcsine is infinite: it is held at that of 0.5 mrad off.

    Args:
        z: roots (n, K), complex, of any modulus.
        spacing: d between sensors, in wavelengths.

    Returns:
        (n, K), in rad, in the order of the roots.
    """
    sine = (-z.angle() / (2 * math.pi * spacing)).clamp(-1, 1)
    inner = sine.clamp(-NEAR_END_FIRE, NEAR_END_FIRE)
    # Beyond, a straight line with the slope at the edge has the value of the arcsine.
    return torch.where(
        inner == sine,
        inner.arcsin(),
        sine.detach().arcsin() + (sine - sine.detach()) * END_FIRE_SLOPE,
    )


NEAR_END_FIRE = math.cos(5e-4)
END_FIRE_SLOPE = 1 / math.sin(5e-4)


def shown_roots(z: Tensor, spacing: float) -> dict[str, Tensor]:
    """Return what figures show of roots z (n, K): the angle of each, and its modulus.

    Args:
        z: roots (n, K), complex.
        spacing: d between sensors, in wavelengths.

    Returns:
        ``root_rad``, θ (n, K) in rad, and ``root_radius``, |z| (n, K).
    """
    return {"root_rad": directions(z, spacing), "root_radius": z.abs()}


def periodic_loss(estimate: Tensor, s: Tensor) -> Tensor:
    """Return the mean over rows of the RMSPE: √ of the mean square error modulo π, least in order.

    On a circle, the assignment of least cost keeps the cyclic order, so M shifts are tried.

    Args:
        estimate: (n, M) in rad, in any order.
        s: (n, M) in rad.
    """
    around = periodic(estimate).sort(-1).values
    target = periodic(s).sort(-1).values
    shifts = torch.stack([around.roll(k, -1) for k in range(s.shape[-1])])
    squares = periodic(shifts - target).square().mean(-1).min(0).values
    return squares.clamp_min(1e-20).sqrt().mean()


def periodic(angle: Tensor) -> Tensor:
    """Return an angle modulo π, in [−π/2, π/2)."""
    return (angle + math.pi / 2).remainder(math.pi) - math.pi / 2


def _tiny(gaps: Tensor) -> float:
    """Return a gap below which eigenvalues are taken for equal."""
    return 1e3 * torch.finfo(gaps.dtype).eps
