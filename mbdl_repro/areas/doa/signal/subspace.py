"""The subspaces of a covariance, and the roots and angles that they say.

All functions take batches, of double precision unless said otherwise, and can be differentiated
(once) in the covariance. Decompositions are taken as they are, and the derivative is that of what
does not depend on their phases and order: of a subspace, of a root, of an eigenvalue. A row that
is not finite is NaN, and touches no other.
"""

from __future__ import annotations

import math
from typing import Annotated

import torch
from torch import Tensor

from mbdl_repro.areas.doa.signal.roots import inner_roots
from mbdl_repro.areas.doa.signal.spectrum import diagonal_sums


def eigenvalues(R: Annotated[Tensor, "(..., L, L)"]) -> Annotated[Tensor, "(..., L)"]:
    """Return the eigenvalues (..., L) of Hermitian matrices (..., L, L), in ascending order."""
    finite = R.isfinite().all((-2, -1), keepdim=True)
    values = torch.linalg.eigvalsh(torch.where(finite, R, 0))
    return torch.where(finite[..., 0], values, math.nan)


def eigenvectors(R: Annotated[Tensor, "(..., L, L)"]) -> tuple[Tensor, Tensor]:
    """Return eigenvalues (..., L), in ascending order, and eigenvectors (..., L, L), as columns.

    Args:
        R: Hermitian matrices (..., L, L).
    """
    finite = R.isfinite().all((-2, -1), keepdim=True)
    values, V = torch.linalg.eigh(torch.where(finite, R, 0))
    return torch.where(finite[..., 0], values, math.nan), torch.where(finite, V, math.nan)


def signal_subspace(
    R: Annotated[Tensor, "(n, L, L)"], n_sources: int
) -> Annotated[Tensor, "(n, L, M)"]:
    """Return an orthonormal basis (n, L, M) of the eigenvectors of the M largest eigenvalues.

    Its derivative is that of the subspace, in which only gaps between signal and noise
    eigenvalues stand: dU_s = U_n [(U_nᴴ dR U_s)_ij / (λ_j − λ_i)]. Where λ_M = λ_{M+1} it is one of
    many; see :func:`determined_subspace`.

    Args:
        R: (n, L, L), Hermitian.
        n_sources: M.
    """
    return _signal_subspace(R, n_sources)[0]


def determined_subspace(R: Annotated[Tensor, "(n, L, L)"], n_sources: int) -> Tensor:
    """Return :func:`signal_subspace`, or NaN in rows that do not say which it is.

    They do not where λ_M and λ_{M+1} are the same but for rounding: where R has a rank below M, as
    of fewer snapshots than sources, and of coherent sources without noise; or where it is white.

    Args:
        R: (n, L, L), Hermitian.
        n_sources: M.
    """
    Us, values = _signal_subspace(R, n_sources)
    gap = values[..., -n_sources] - values[..., -n_sources - 1]
    rounding = SAME_EIGENVALUES * R.shape[-1] * values[..., -1]
    return torch.where((gap > rounding)[..., None, None], Us, math.nan)


SAME_EIGENVALUES = 4 * torch.finfo(torch.float64).eps
"""Difference of eigenvalues, over L and the largest, that rounding may make."""


def _signal_subspace(R: Tensor, n_sources: int) -> tuple[Tensor, Tensor]:
    """Return the basis (n, L, M), and all eigenvalues (n, L)."""
    values, V = eigenvectors(R.detach())
    Un, Us = V[..., :-n_sources], V[..., -n_sources:]
    if not R.requires_grad:
        return Us, values
    gaps = values[..., None, -n_sources:] - values[..., :-n_sources, None]
    least = LEAST_GAP * values[..., -1].clamp_min(torch.finfo(values.dtype).tiny)
    # Zero where R is what it is: only its derivative is of use.
    turned = (Un.mH @ R @ Us) / gaps.maximum(least[..., None, None])
    return Us + Un @ (turned - turned.detach()), values


def noise_projector(Us: Tensor) -> Annotated[Tensor, "(..., L, L)"]:
    """Return F = I − U_s U_sᴴ (..., L, L), the projector on the noise subspace."""
    return torch.eye(Us.shape[-2], dtype=Us.dtype, device=Us.device) - Us @ Us.mH


def noise_polynomial(Us: Tensor) -> Annotated[Tensor, "(n, L)"]:
    """Return c_0 … c_{L−1} (n, L) of a(z)ᴴ F a(z) = Σ_k c_k zᵏ, with c_{−k} = c_k*.

    F is the :func:`noise_projector`, a(z) = (1, z, …, z^{L−1}), and c_k the sum of the k-th
    diagonal of F.
    """
    return diagonal_sums(noise_projector(Us))


def roots_inside(c: Annotated[Tensor, "(n, L)"]) -> Annotated[Tensor, "(n, L − 1)"]:
    """Return one root of each pair, |z| ≤ 1, (n, L − 1), nearest to the circle first.

    It is not differentiable.

    Args:
        c: coefficients (n, L) of :func:`noise_polynomial`.
    """
    with torch.no_grad():
        return inner_roots(c)


def roots_of_sources(c: Annotated[Tensor, "(n, L)"], n_sources: int) -> Annotated[Tensor, "(n, M)"]:
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


def esprit_roots(Us: Annotated[Tensor, "(n, L, M)"]) -> Annotated[Tensor, "(n, M)"]:
    """Return the eigenvalues z (n, M) of Φ, with U_s↓ = U_s↑ Φ.

    U_s↑ lacks the last row of U_s, and U_s↓ its first; Φ is that of least squares. The roots'
    derivative is dz_i = (W⁻¹ dΦ W)_ii, W the eigenvectors.

    Args:
        Us: an orthonormal basis (n, L, M).

    Source: Roy and Kailath, 1989 (least squares).
    """
    finite = Us.isfinite().all((-2, -1), keepdim=True)
    Us = torch.where(finite, Us, 0)
    upper, lower = Us[..., :-1, :], Us[..., 1:, :]
    Phi = upper.mH @ lower
    # (I − u uᴴ)⁻¹, u the conjugate of the row that is missing from the upper part of the basis.
    u = Us[..., -1:, :].mH
    left = 1 - (u.mH @ u).real
    Phi = Phi + u @ (u.mH @ Phi) / left.clamp_min(LEAST_GAP)
    if not Phi.requires_grad:
        return torch.where(finite[..., 0], torch.linalg.eigvals(Phi), math.nan)
    with torch.no_grad():
        z, W = torch.linalg.eig(Phi)
        z = torch.where(finite[..., 0], z, math.nan)
        inverse, failed = torch.linalg.inv_ex(W)
        # Of eigenvalues without eigenvectors of their own there is no derivative.
        sound = (failed == 0)[..., None, None] & inverse.isfinite().all((-2, -1), keepdim=True)
        eye = torch.eye(Phi.shape[-1], dtype=Phi.dtype, device=Phi.device)
        W, inverse = torch.where(sound, W, eye), torch.where(sound, inverse, eye)
    turned = (inverse @ Phi @ W).diagonal(dim1=-2, dim2=-1)
    return z + (turned - turned.detach())


LEAST_GAP = 1e3 * torch.finfo(torch.float64).eps
"""Gap, relative to what is largest, below which derivatives take it for this."""


def angles_of(z: Annotated[Tensor, "(n, M)"], spacing: float) -> Annotated[Tensor, "(n, M)"]:
    """Return θ (n, M) of roots z = r exp(−j 2π d sin θ), in ascending order.

    Args:
        z: roots (n, M), complex, of any modulus.
        spacing: d between sensors, in wavelengths.

    Returns:
        (n, M), in rad.
    """
    return directions(z, spacing).sort(-1).values


def directions(z: Annotated[Tensor, "(n, K)"], spacing: float) -> Annotated[Tensor, "(n, K)"]:
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


def angles_of_sines(u: Annotated[Tensor, "(n, M)"]) -> Annotated[Tensor, "(n, M)"]:
    """Return θ (n, M) in rad of u = sin θ in [−1, 1], with derivatives as of :func:`directions`.

    Args:
        u: sin θ (n, M).
    """
    return directions(torch.exp(-1j * math.pi * u), 0.5)


NEAR_END_FIRE = math.cos(5e-4)
END_FIRE_SLOPE = 1 / math.sin(5e-4)


def shown_roots(z: Annotated[Tensor, "(n, K)"], spacing: float) -> dict[str, Tensor]:
    """Return what figures show of roots z (n, K): the angle of each, and its modulus.

    Args:
        z: roots (n, K), complex.
        spacing: d between sensors, in wavelengths.

    Returns:
        ``root_rad``, θ (n, K) in rad, and ``root_radius``, |z| (n, K).
    """
    return {"root_rad": directions(z, spacing), "root_radius": z.abs()}
