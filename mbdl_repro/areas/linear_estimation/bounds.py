"""What the estimators of a Gaussian signal can reach, in closed form."""

from __future__ import annotations

import numpy as np

from mbdl_repro.areas.linear_estimation.scenario import LinearGaussian
from mbdl_repro.contract.measure import bound


@bound(metrics=("squared_error",), kind="floor", label="minimum, in closed form")
def minimum_mean_squared_error(truth: LinearGaussian) -> float:
    """Return the mean squared error of the posterior mean, which no estimator is below.

    E‖s - E[s | x]‖² = tr(C_s - C_s Hᵀ (H C_s Hᵀ + σ² I)⁻¹ H C_s)

    Args:
        truth: the scenario.

    Returns:
        The sum over the signal's entries, in units of s².

    Source: Section 5.1, the MMSE estimator of the linear Gaussian model.
    """
    H, C_s = truth.matrix, truth.covariance
    C_xs = H @ C_s
    C_xx = C_xs @ H.T + truth.noise_variance * np.eye(truth.n_observations)
    return float(np.trace(C_s - C_xs.T @ np.linalg.solve(C_xx, C_xs)))


@bound(
    metrics=("squared_error",), kind="theory", label="exact risk of the discriminative estimator"
)
def sample_estimator_risk(truth: LinearGaussian, n_train: int) -> float:
    """Return the expected squared error of the discriminative estimator, fitted to P pairs.

    E‖s - ŝ‖² = MMSE · (1 + 1/P) (P - 2) / (P - n - 2)

    The error of a least-squares fit to Gaussian inputs: the expectation is over training sets
    and test pairs, and uses that E[Ĉ_xx⁻¹] is the mean of an inverse Wishart matrix.

    Args:
        truth: the scenario, with n observed entries.
        n_train: P, the number of training pairs.

    Returns:
        The sum over the signal's entries, in units of s².

    Raises:
        ValueError: if P ≤ n + 2, where the expectation is infinite or the fit undefined.

    Source: ours (the book shows this risk by simulation only); the estimator is Section 5.1's.
    """
    P, n = n_train, truth.n_observations
    if n_train <= n + 2:
        raise ValueError(
            f"n_train is {P}, but the expected error is finite only above n_observations + 2 = "
            f"{n + 2} training pairs"
        )
    return minimum_mean_squared_error(truth) * (1 + 1 / P) * (P - 2) / (P - n - 2)
