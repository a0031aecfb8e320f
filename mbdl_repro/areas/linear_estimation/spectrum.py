"""The Hessian Q = HᵀH/σ² + C_s⁻¹ of the objective, and the posterior mean in its eigenvectors."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from mbdl_repro.areas.linear_estimation.scenario import LinearGaussian
from mbdl_repro.contract.covariance import is_singular


def prior_precision(belief: LinearGaussian) -> Annotated[np.ndarray, "(n_signal, n_signal)"]:
    """Return C_s⁻¹, (n_signal, n_signal), of what is believed of the signal.

    Raises:
        ValueError: if C_s is singular.
    """
    if is_singular(belief.covariance):
        raise ValueError(
            "signal_covariance is singular, and its inverse is asked for: believe in a signal "
            "that varies in every direction"
        )
    precision: np.ndarray = np.linalg.inv(belief.covariance)
    return (precision + precision.T) / 2


def mean_squares(
    belief: LinearGaussian,
    values: Annotated[np.ndarray, "(n_signal,)"],
    vectors: Annotated[np.ndarray, "(n_signal, n_signal)"],
) -> Annotated[np.ndarray, "(n_signal,)"]:
    """Return the mean square of the posterior mean along each eigenvector of Q, (n_signal,).

    E(u_iᵀŝ)² = u_iᵀC_s u_i − 1/λ_i, as the posterior mean and its error do not correlate.

    Args:
        belief: of which ŝ is the posterior mean.
        values: λ, eigenvalues of Q, (n_signal,).
        vectors: u, its eigenvectors, columns (n_signal, n_signal).
    """
    along = np.einsum("ji,jk,ki->i", vectors, belief.covariance, vectors)
    return np.maximum(along - 1 / values, 0.0)
