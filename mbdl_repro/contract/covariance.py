"""What a covariance must be, and its root; each entry is compared on the scale of its own unit."""

from __future__ import annotations

import numpy as np


def correlations(covariance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the correlations (..., k, k) of entries, and their standard deviations (..., k).

    An entry without variance has none, and keeps its unit.
    """
    std = np.sqrt(np.diagonal(covariance, axis1=-2, axis2=-1).clip(0))
    unit = np.where(std > 0, std, 1.0)
    return covariance / unit[..., :, None] / unit[..., None, :], std


def check_covariance(covariance: np.ndarray) -> None:
    """Check that these numbers (..., k, k) can be a covariance.

    Raises:
        ValueError: if it is not symmetric, or not positive semidefinite.
    """
    C, _ = correlations(covariance)
    if (np.abs(C - np.swapaxes(C, -1, -2)) > 1e-10).any():
        raise ValueError("a covariance is not symmetric")
    least = np.linalg.eigvalsh(C).min(initial=0.0)
    if least < -1e-10:
        raise ValueError(
            "a covariance is not positive semidefinite: "
            f"its correlations have the eigenvalue {least:.4g}"
        )


def is_singular(covariance: np.ndarray, share: float = 1e-12) -> bool:
    """Return whether some combination of entries, each in its own unit, has no variance.

    Args:
        covariance: (..., k, k).
        share: how little is none, of the variance that uncorrelated entries would have.
    """
    C, std = correlations(covariance)
    return bool((std == 0).any() or np.linalg.eigvalsh(C).min() <= share)


def covariance_root(covariance: np.ndarray) -> np.ndarray:
    """Return L (..., k, k) with L Lᵀ = the covariance, which may be singular.

    Its columns are along the principal axes, or, where entries have units so unlike that the
    small ones would drown in rounding, along those of the correlations.

    Raises:
        ValueError: if a covariance is not symmetric, or not positive semidefinite.
    """
    check_covariance(covariance)
    C, std = correlations(covariance)
    root = _principal(covariance)
    error = np.abs(root @ np.swapaxes(root, -1, -2) - covariance)
    if (error <= 1e-9 * std[..., :, None] * std[..., None, :]).all():
        return root
    return std[..., None] * _principal(C)


def _principal(covariance: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(covariance)
    root: np.ndarray = vectors * np.sqrt(values.clip(0))[..., None, :]
    return root
