"""Likelihoods of angles, and their derivatives: of free, of equal, and of Gaussian waveforms.

All is in u = sin θ, in which the beam of an array is equally wide everywhere. R is the covariance
of the snapshots, X Xᴴ / T, divided by its trace. Functions can be differentiated once more, in the
sensors as well.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal, NamedTuple

import torch
from torch import Tensor

Waveforms = Literal["free", "shared"]


class Sensors(NamedTuple):
    """The believed positions and gains of sensors on a line."""

    positions: Tensor
    """p (N,), in wavelengths."""
    gains: Tensor
    """g (N,), complex."""

    def steering(self, u: Annotated[Tensor, "(..., m)"]) -> Annotated[Tensor, "(..., N, m)"]:
        """Return a_n(u) = g_n exp(−j 2π p_n u), columns (..., N, m), of u = sin θ (..., m)."""
        phase = -2j * math.pi * self.positions[:, None] * u[..., None, :]
        return self.gains[:, None] * torch.exp(phase)

    @property
    def turns(self) -> Annotated[Tensor, "(N, 1)"]:
        """What a steering vector is multiplied by in its derivative in u, (N, 1)."""
        return -2j * math.pi * self.positions[:, None]


class Derivatives(NamedTuple):
    """A function of u (n, M), and its first and second derivatives."""

    value: Tensor
    """(n,)"""
    gradient: Tensor
    """(n, M)"""
    hessian: Tensor
    """(n, M, M)"""


def share(
    R: Annotated[Tensor, "(n, N, N)"],
    u: Annotated[Tensor, "(n, M)"],
    sensors: Sensors,
    waveforms: Waveforms = "free",
) -> Annotated[Tensor, "(n,)"]:
    """Return the share (n,) of the power that sources at u explain, which likelihood rises with.

    ``free``: tr(P R), P = A (AᴴA)⁻¹ Aᴴ; ``shared``: bᴴ R b / bᴴb, b = Σ_m a(u_m).

    Args:
        R: (n, N, N), Hermitian, of trace 1.
        u: sin θ (n, M).
        sensors: as they are believed to be.
        waveforms: ``free``: each source may send anything; ``shared``: all send the same, and
            arrive with equal phases and powers.
    """
    A = sensors.steering(u)
    if waveforms == "shared":
        A = A.sum(-1, keepdim=True)
    return _diagonal(torch.linalg.solve_ex(A.mH @ A, A.mH @ R @ A)[0]).sum(-1)


def derivatives(
    R: Annotated[Tensor, "(n, N, N)"],
    u: Annotated[Tensor, "(n, M)"],
    sensors: Sensors,
    waveforms: Waveforms = "free",
) -> Derivatives:
    """Return the :func:`share` (n,), its gradient (n, M) in u, and its Hessian (n, M, M).

    Args:
        R: (n, N, N), Hermitian, of trace 1.
        u: sin θ (n, M).
        sensors: as they are believed to be.
        waveforms: as of :func:`share`.
    """
    A, turns = sensors.steering(u), sensors.turns
    D = turns * A
    if waveforms == "shared":
        return _shared(R, A.sum(-1, keepdim=True), D, turns * D)
    gram, B, Y, off = _projected(A, D)
    off2 = turns * D - A @ (B @ (turns * D))
    BR = B @ R
    X = BR @ off
    hessian = (
        gram * (off.mH @ R @ off).mT - (BR @ B.mH) * (D.mH @ off).mT - X * Y.mT - Y * X.mT
    ).real + torch.diag_embed(_diagonal(BR @ off2))
    return Derivatives(_diagonal(BR @ A).sum(-1), 2 * _diagonal(X), 2 * hessian)


def gauss_newton(
    R: Annotated[Tensor, "(n, N, N)"],
    u: Annotated[Tensor, "(n, M)"],
    sensors: Sensors,
    waveforms: Waveforms = "free",
) -> Derivatives:
    """Return :func:`derivatives`, of the Hessian only what is left where the sources explain R.

    −2 Re[(A⁺ R A⁺ᴴ) ∘ (Dᴴ Π D)ᵀ], with D the derivatives of A, and Π = I − P: it is negative
    semi-definite everywhere, so that a short enough step with it climbs. Where steering vectors
    coincide it is finite, as is its derivative.

    Args:
        R: (n, N, N), Hermitian, of trace 1.
        u: sin θ (n, M).
        sensors: as they are believed to be.
        waveforms: as of :func:`share`; of ``shared``, b stands for A.

    Source: Viberg, Ottersten and Kailath, 1991.
    """
    A = sensors.steering(u)
    D = sensors.turns * A
    if waveforms == "shared":
        A = A.sum(-1, keepdim=True)
    gram = A.mH @ A
    least = RIDGE * _diagonal(gram).mean(-1)
    gram = gram + torch.diag_embed(least[:, None].expand(-1, A.shape[-1]))
    B = torch.linalg.inv_ex(gram)[0] @ A.mH
    off = D - A @ (B @ D)
    BR = B @ R
    X = BR @ off  # (n, M, M), or (n, 1, M)
    gradient = X[:, 0].real if waveforms == "shared" else _diagonal(X)
    curvature = ((BR @ B.mH) * (off.mH @ off).mT).real
    return Derivatives(_diagonal(BR @ A).sum(-1), 2 * gradient, -2 * curvature)


RIDGE = 1e-10
"""Added to AᴴA, over its mean diagonal, so that sources may be at one place."""


def gaussian(
    R: Annotated[Tensor, "(n, N, N)"],
    u: Annotated[Tensor, "(n, M)"],
    sensors: Sensors,
    P: Annotated[Tensor, "(M, M)"],
    noise_variance: Tensor,
) -> Derivatives:
    """Return the log-likelihood of CN(0, P) sources in white noise, in whatever unit suits best.

    −log det C − N log tr(C⁻¹ R), C = A P Aᴴ + σ² I, is what it is at its greatest over the unit of
    R, but for constants and the factor T. In place of its Hessian, the negative of what that is
    on the mean (Fisher's information) is given.

    Args:
        R: (n, N, N), Hermitian, in any unit.
        u: sin θ (n, M), in the order of P.
        sensors: as they are believed to be.
        P: covariance (M, M) of what sources send.
        noise_variance: σ², a scalar, in the unit of P.
    """
    A = sensors.steering(u)
    D = sensors.turns * A
    N = A.shape[-2]
    AP = A @ P
    C = AP @ A.mH + noise_variance * torch.eye(N, dtype=A.dtype, device=A.device)
    # C⁻¹ by Cholesky: C is positive definite.
    L, failed = torch.linalg.cholesky_ex(C)
    inverse = torch.cholesky_inverse(L)
    IR = inverse @ R
    power = _diagonal(IR).sum(-1)
    value = -2 * _diagonal(L).log().sum(-1) - N * power.log()
    ID = inverse @ D
    trace = _diagonal(AP.mH @ ID)  # half of tr(C⁻¹ dC)
    fitted = _diagonal(AP.mH @ IR @ ID)
    gradient = -2 * (trace - N / power[:, None] * fitted)
    cross = AP.mH @ ID
    information = cross * cross.mT + (AP.mH @ inverse @ AP) * (D.mH @ ID).mT
    information = 2 * information.real - 4 * trace[:, :, None] * trace[:, None, :] / N
    failed = (failed > 0)[:, None]
    return Derivatives(
        torch.where(failed[:, 0], -math.inf, value),
        gradient.masked_fill(failed, 0),
        -information.masked_fill(failed[..., None], 0),
    )


def _projected(A: Tensor, D: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return (AᴴA)⁻¹, A⁺, A⁺D, and what of D is orthogonal to all steering vectors."""
    gram = torch.linalg.inv_ex(A.mH @ A)[0]
    B = gram @ A.mH
    Y = B @ D
    return gram, B, Y, D - A @ Y


def _shared(R: Tensor, b: Tensor, D: Tensor, DD: Tensor) -> Derivatives:
    """Return bᴴ R b / bᴴb and its derivatives; b (n, N, 1) is the sum of steering vectors."""
    power, up, bend = _of_form(R @ b, R @ D, b, D, DD)
    norm, norm_up, norm_bend = _of_form(b, D, b, D, DD)
    value = power / norm
    gradient = (up - value[:, None] * norm_up) / norm[:, None]
    crossed = gradient[:, :, None] * norm_up[:, None, :]
    hessian = bend - value[:, None, None] * norm_bend - crossed - crossed.mT
    return Derivatives(value, gradient, hessian / norm[:, None, None])


def _of_form(Rb: Tensor, RD: Tensor, b: Tensor, D: Tensor, DD: Tensor) -> Derivatives:
    """Return bᴴ R b and its derivatives."""
    bend = (D.mH @ RD).real + torch.diag_embed((DD.mH @ Rb).real[..., 0])
    return Derivatives((b.mH @ Rb).real[:, 0, 0], 2 * (D.mH @ Rb).real[..., 0], 2 * bend)


def _diagonal(matrix: Tensor) -> Tensor:
    return matrix.diagonal(dim1=-2, dim2=-1).real
