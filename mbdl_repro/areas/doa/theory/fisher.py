"""How well angles can be estimated without bias: Cramér–Rao matrices, and the theory of MUSIC.

All functions take angles (n, M) in rad, the covariance P (M, M), or (n, M, M), of the sources'
waveforms, and return matrices (n, M, M) in rad². a_m are the steering vectors, the columns of A,
d_m = da_m/dθ_m those of D, Π = I − A (AᴴA)⁻¹ Aᴴ, and ∘ is the product entry by entry.

All is computed in sin θ, and turned to θ in the end: near end-fire matrices in θ are badly scaled.
"""

from __future__ import annotations

import numpy as np

from mbdl_repro.areas.doa.array import steering


def _slope(angle_rad: np.ndarray, n_sensors: int, spacing: float) -> np.ndarray:
    """Return the derivatives of the steering vectors in sin θ, −j 2π d n a_n(θ), (n, N, M)."""
    phase = -2j * np.pi * spacing * np.arange(n_sensors)[:, None]
    return np.asarray(phase * steering(angle_rad, n_sensors, spacing))


def _in_angles(covariance: np.ndarray, angle_rad: np.ndarray) -> np.ndarray:
    """Return the covariance of errors of θ of that of errors of sin θ, (n, M, M)."""
    cosine = np.cos(angle_rad)
    return np.asarray(covariance / (cosine[..., :, None] * cosine[..., None, :]))


def deterministic_crb(
    angle_rad: np.ndarray,
    P: np.ndarray,
    *,
    noise_variance: float,
    n_snapshots: int,
    n_sensors: int,
    spacing: float,
) -> np.ndarray:
    """Return the Cramér–Rao bound where the waveforms are unknown numbers.

    σ²/(2T) [Re((DᴴΠD) ∘ Pᵀ)]⁻¹, with P = Y Yᴴ / T of the waveforms. It holds for coherent
    sources, too, whose P has rank 1.

    Args:
        angle_rad: θ (n, M), from broadside.
        P: (M, M), or (n, M, M), of the waveforms as they are.
        noise_variance: σ² of the noise CN(0, σ²) of a sensor.
        n_snapshots: T.
        n_sensors: N.
        spacing: d between sensors, in wavelengths.

    Returns:
        The bound on the covariance of angles (n, M, M), in rad².

    Source: Stoica and Nehorai, 1989.
    """
    _, slack = _geometry(angle_rad, n_sensors, spacing)
    information = (slack * np.swapaxes(P, -1, -2)).real
    return _scaled_inverse(information, noise_variance, n_snapshots, angle_rad)


def stochastic_crb(
    angle_rad: np.ndarray,
    P: np.ndarray,
    *,
    noise_variance: float,
    n_snapshots: int,
    n_sensors: int,
    spacing: float,
) -> np.ndarray:
    """Return the Cramér–Rao bound where the waveforms are CN(0, P), and P and σ² unknown.

    σ²/(2T) [Re((DᴴΠD) ∘ (P Aᴴ R⁻¹ A P)ᵀ)]⁻¹, with R = A P Aᴴ + σ² I. P may be singular.

    Args:
        angle_rad: θ (n, M), from broadside.
        P: (M, M), or (n, M, M), from which waveforms are drawn.
        noise_variance: σ² of the noise CN(0, σ²) of a sensor.
        n_snapshots: T.
        n_sensors: N.
        spacing: d between sensors, in wavelengths.

    Returns:
        The bound on the covariance of angles (n, M, M), in rad².

    Source: Stoica and Nehorai, 1990; Stoica, Larsson and Gershman, 2001.
    """
    A, slack = _geometry(angle_rad, n_sensors, spacing)
    R = A @ P @ _H(A) + noise_variance * np.eye(n_sensors)
    seen = P @ _H(A) @ np.linalg.solve(R, A @ P)
    information = (slack * np.swapaxes(seen, -1, -2)).real
    return _scaled_inverse(information, noise_variance, n_snapshots, angle_rad)


def shared_waveform_crb(
    angle_rad: np.ndarray,
    *,
    noise_variance: float,
    n_snapshots: int,
    n_sensors: int,
    spacing: float,
) -> np.ndarray:
    """Return the Cramér–Rao bound where all sources are known to send one waveform alike.

    x_t = b(θ) y_t + w_t with b = Σ_m a(θ_m) and y_t ~ CN(0, p), p = 1 but unknown, as is σ²:

    σ²/(2T) (σ² + ‖b‖²)/‖b‖² [Re(Dᴴ (I − b bᴴ/‖b‖²) D)]⁻¹.

    It is far below :func:`stochastic_crb` of coherent sources, for which it is not known that
    they arrive with equal phases and powers.

    Args:
        angle_rad: θ (n, M), from broadside.
        noise_variance: σ² of the noise CN(0, σ²) of a sensor.
        n_snapshots: T.
        n_sensors: N.
        spacing: d between sensors, in wavelengths.

    Returns:
        The bound on the covariance of angles (n, M, M), in rad².
    """
    A = steering(angle_rad, n_sensors, spacing)
    D = _slope(angle_rad, n_sensors, spacing)
    b = A.sum(-1, keepdims=True)
    power = np.square(np.abs(b)).sum(-2, keepdims=True)
    along = _H(b) @ D
    information = (_H(D) @ D - _H(along) @ along / power).real * power / (noise_variance + power)
    return _scaled_inverse(information, noise_variance, n_snapshots, angle_rad)


def music_covariance(
    angle_rad: np.ndarray,
    P: np.ndarray,
    *,
    noise_variance: float,
    n_snapshots: int,
    n_sensors: int,
    spacing: float,
) -> np.ndarray:
    """Return the covariance of the errors of MUSIC and Root-MUSIC for many snapshots.

    With H = DᴴΠD and B = P⁻¹ + σ² P⁻¹ (AᴴA)⁻¹ P⁻¹ it is

    σ²/(2T) (H ∘ I)⁻¹ Re(H ∘ Bᵀ) (H ∘ I)⁻¹.

    Args:
        angle_rad: θ (n, M), from broadside.
        P: (M, M), or (n, M, M), of the waveforms; not singular.
        noise_variance: σ² of the noise CN(0, σ²) of a sensor.
        n_snapshots: T.
        n_sensors: N.
        spacing: d between sensors, in wavelengths.

    Returns:
        The covariance of angles (n, M, M), in rad².

    Raises:
        ValueError: if P is singular: MUSIC then does not find the sources, however long it looks.

    Source: Stoica and Nehorai, 1989; Rao and Hari, 1989, for Root-MUSIC.
    """
    if (np.linalg.matrix_rank(P, hermitian=True) < np.shape(P)[-1]).any():
        raise ValueError("sources are coherent, of which MUSIC has no error that falls with T")
    A, slack = _geometry(angle_rad, n_sensors, spacing)
    inverse = np.linalg.inv(P)
    B = inverse + noise_variance * inverse @ np.linalg.solve(_H(A) @ A, inverse)
    own = slack.diagonal(axis1=-2, axis2=-1).real
    crossed = (slack * np.swapaxes(B, -1, -2)).real
    scaled = crossed / (own[..., :, None] * own[..., None, :])
    return _in_angles(noise_variance / (2 * n_snapshots) * scaled, angle_rad)


def _geometry(
    angle_rad: np.ndarray, n_sensors: int, spacing: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return A and DᴴΠD, with derivatives D in sin θ."""
    A = steering(angle_rad, n_sensors, spacing)
    D = _slope(angle_rad, n_sensors, spacing)
    return A, _H(D) @ (D - A @ np.linalg.solve(_H(A) @ A, _H(A) @ D))


def _scaled_inverse(
    information: np.ndarray, noise_variance: float, T: int, angle_rad: np.ndarray
) -> np.ndarray:
    return _in_angles(noise_variance / (2 * T) * np.linalg.inv(information), angle_rad)


def _H(matrix: np.ndarray) -> np.ndarray:
    return np.swapaxes(matrix, -1, -2).conj()
