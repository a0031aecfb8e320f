"""How well angles can be estimated without bias: Cramér–Rao matrices.

All functions take angles (n, M) in rad, the covariance P (M, M), or (n, M, M), of the sources'
waveforms, and return matrices (n, M, M) in rad². a_m are the steering vectors, the columns of A,
d_m = da_m/dθ_m those of D, Π = I − A (AᴴA)⁻¹ Aᴴ, and ∘ is the product entry by entry. Where the
information is singular, as of two angles with one steering vector, variances are infinite; where
angles are not finite, NaN. No row touches another.

All is computed in sin θ, and turned to θ in the end: near end-fire matrices in θ are badly scaled.
"""

from __future__ import annotations

from typing import Annotated, NamedTuple

import numpy as np

from mbdl_repro.areas.doa.array import steering_at


class Reception(NamedTuple):
    """The sensors, and what they receive."""

    noise_variance: float
    """σ² of the noise CN(0, σ²) of a sensor."""
    n_snapshots: int
    """T."""
    positions: np.ndarray
    """p (N,) of the sensors, in wavelengths."""
    gains: np.ndarray | float = 1.0
    """g (N,) of the sensors, complex."""


def deterministic_crb(
    angle_rad: Annotated[np.ndarray, "(n, M)"],
    P: Annotated[np.ndarray, "(M, M)"],
    known: Reception,
) -> Annotated[np.ndarray, "(n, M, M)"]:
    """Return the Cramér–Rao bound where the waveforms are unknown numbers.

    σ²/(2T) [Re((DᴴΠD) ∘ Pᵀ)]⁻¹, with P = Y Yᴴ / T of the waveforms. It holds for coherent
    sources, too, whose P has rank 1.

    Args:
        angle_rad: θ (n, M), from broadside.
        P: (M, M), or (n, M, M), of the waveforms as they are.
        known: the sensors, their noise, and T.

    Returns:
        The bound on the covariance of angles (n, M, M), in rad².

    Source: Stoica and Nehorai, 1989.
    """
    slack = projected_slopes(*steering_and_slopes(angle_rad, known))
    information = (slack * np.swapaxes(P, -1, -2)).real
    return _bound(information, known, angle_rad)


def stochastic_crb(
    angle_rad: Annotated[np.ndarray, "(n, M)"],
    P: Annotated[np.ndarray, "(M, M)"],
    known: Reception,
) -> Annotated[np.ndarray, "(n, M, M)"]:
    """Return the Cramér–Rao bound where the waveforms are CN(0, P), and P and σ² unknown.

    σ²/(2T) [Re((DᴴΠD) ∘ (P Aᴴ R⁻¹ A P)ᵀ)]⁻¹, with R = A P Aᴴ + σ² I. P may be singular.

    Args:
        angle_rad: θ (n, M), from broadside.
        P: (M, M), or (n, M, M), from which waveforms are drawn.
        known: the sensors, their noise, and T.

    Returns:
        The bound on the covariance of angles (n, M, M), in rad².

    Source: Stoica and Nehorai, 1990; Stoica, Larsson and Gershman, 2001.
    """
    A, D = steering_and_slopes(angle_rad, known)
    # With P = B Bᴴ and Bᴴ Aᴴ A B = V Λ Vᴴ it is B V Λ (Λ + σ²)⁻¹ Vᴴ Bᴴ, in which nothing that
    # may be singular is inverted.
    root = _root(P)
    loud, V = np.linalg.eigh(_finite(_H(root) @ _H(A) @ A @ root))
    share = loud.clip(0) / (loud.clip(0) + known.noise_variance)
    seen = root @ (V * share[..., None, :]) @ _H(V) @ _H(root)
    information = (projected_slopes(A, D) * np.swapaxes(seen, -1, -2)).real
    return _bound(information, known, angle_rad)


def shared_waveform_crb(
    angle_rad: Annotated[np.ndarray, "(n, M)"],
    known: Reception,
) -> Annotated[np.ndarray, "(n, M, M)"]:
    """Return the Cramér–Rao bound where all sources are known to send one waveform alike.

    x_t = b(θ) y_t + w_t with b = Σ_m a(θ_m) and y_t ~ CN(0, p), p = 1 but unknown, as is σ²:

    σ²/(2T) (σ² + ‖b‖²)/‖b‖² [Re(Dᴴ (I − b bᴴ/‖b‖²) D)]⁻¹.

    It is far below :func:`stochastic_crb` of coherent sources, for which it is not known that
    they arrive with equal phases and powers.

    Args:
        angle_rad: θ (n, M), from broadside.
        known: the sensors, their noise, and T.

    Returns:
        The bound on the covariance of angles (n, M, M), in rad².
    """
    A, D = steering_and_slopes(angle_rad, known)
    b = A.sum(-1, keepdims=True)
    power = np.square(np.abs(b)).sum(-2, keepdims=True)
    information = projected_slopes(b, D).real * power / (known.noise_variance + power)
    return _bound(information, known, angle_rad)


def steering_and_slopes(
    angle_rad: Annotated[np.ndarray, "(n, M)"], known: Reception
) -> tuple[np.ndarray, np.ndarray]:
    """Return A, and its derivatives D in sin θ, −j 2π p_n a_n(θ), each (n, N, M).

    Args:
        angle_rad: θ (n, M).
        known: the sensors.
    """
    gains = np.broadcast_to(known.gains, known.positions.shape)[:, None]
    A = gains * steering_at(angle_rad, known.positions)
    return A, -2j * np.pi * known.positions[:, None] * A


def projected_slopes(
    A: Annotated[np.ndarray, "(n, N, K)"], D: Annotated[np.ndarray, "(n, N, M)"]
) -> Annotated[np.ndarray, "(n, M, M)"]:
    """Return DᴴΠD (n, M, M), Π the projector on what is orthogonal to all columns of A.

    Args:
        A: (n, N, K).
        D: (n, N, M).

    Returns:
        (n, M, M), Hermitian; 0, no information, where the columns are not K directions.
    """
    U, size, _ = np.linalg.svd(_finite(A), full_matrices=False)
    apart = size[..., -1] > size[..., 0] * max(A.shape[-2:]) * np.finfo(float).eps
    left = D - U @ (_H(U) @ D)
    return np.where(apart[..., None, None], _H(left) @ left, 0)


def in_angles(
    covariance: Annotated[np.ndarray, "(n, M, M)"], angle_rad: Annotated[np.ndarray, "(n, M)"]
) -> Annotated[np.ndarray, "(n, M, M)"]:
    """Return the covariance of errors of θ of that of errors of sin θ, (n, M, M).

    Args:
        covariance: (n, M, M).
        angle_rad: θ (n, M); a row that is not finite has no covariance: NaN.
    """
    known = np.isfinite(angle_rad)
    cosine = np.cos(np.where(known, angle_rad, 0))
    turned = covariance / (cosine[..., :, None] * cosine[..., None, :])
    return np.where(known.all(-1)[..., None, None], turned, np.nan)


def _bound(information: np.ndarray, known: Reception, angle_rad: np.ndarray) -> np.ndarray:
    """Return σ²/(2T) times the inverse, in θ; infinite where there is none."""
    own = information.diagonal(axis1=-2, axis2=-1)
    scale = np.sqrt(np.where(own > 0, own, 1.0))
    scale = scale[..., :, None] * scale[..., None, :]
    # Of sources of any power the diagonal is 1, so that what is small is so for want of angle.
    size, V = np.linalg.eigh(_finite(information / scale))
    singular = size[..., :1] <= size[..., -1:] * own.shape[-1] * np.finfo(float).eps
    inverse = (V / np.where(singular, 1.0, size)[..., None, :]) @ _H(V) / scale
    inverse = np.where(singular[..., None], np.inf, inverse)
    return in_angles(known.noise_variance / (2 * known.n_snapshots) * inverse, angle_rad)


def _root(P: np.ndarray) -> np.ndarray:
    """Return B with P = B Bᴴ, of covariances that may be singular."""
    size, V = np.linalg.eigh(P)
    return np.asarray(V * np.sqrt(size.clip(0))[..., None, :])


def _finite(matrix: np.ndarray) -> np.ndarray:
    """Return matrices (..., N, M), made zero where they are not finite: these have no bases."""
    return np.where(np.isfinite(matrix).all((-2, -1), keepdims=True), matrix, 0)


def _H(matrix: np.ndarray) -> np.ndarray:
    return np.swapaxes(matrix, -1, -2).conj()
