"""What the estimators of a Gaussian signal can reach, in closed form."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from mbdl_repro.areas.linear_estimation.scenario import LinearGaussian
from mbdl_repro.areas.linear_estimation.spectrum import mean_squares, prior_precision
from mbdl_repro.contract.measure import bound
from mbdl_repro.contract.scenario import Split
from mbdl_repro.learning.step_sizes import least_remaining_error

N_LEVELS = 40
"""Of a mean over noise levels: exact to some ten digits for a spread of 4."""


@bound(metrics=("squared_error",), kind="floor", label="minimum, in closed form")
def minimum_mean_squared_error(truth: LinearGaussian) -> float:
    """Return the mean squared error of the posterior mean, which no estimator is below.

    E‖s - E[s | x]‖² = tr(C_s - C_s Hᵀ (H C_s Hᵀ + σ² I)⁻¹ H C_s)

    Where each signal has a noise level of its own, this is the mean over levels, of which the
    posterior mean is then told.

    Args:
        truth: the scenario.

    Returns:
        The sum over the signal's entries, in units of s².

    Source: Section 5.1, the MMSE estimator of the linear Gaussian model.
    """
    levels, shares = _noise_levels(truth)
    return float(sum(w * _error_at(truth, v) for v, w in zip(levels, shares, strict=True)))


def _error_at(truth: LinearGaussian, noise_variance: float) -> float:
    """Return the mean squared error of the posterior mean under noise of this variance."""
    H, C_s = truth.matrix, truth.covariance
    C_xs = H @ C_s
    C_xx = C_xs @ H.T + noise_variance * np.eye(truth.n_observations)
    return float(np.trace(C_s - C_xs.T @ np.linalg.solve(C_xx, C_xs)))


def _noise_levels(truth: LinearGaussian) -> tuple[np.ndarray, np.ndarray]:
    """Return noise variances, and weights that add up to 1, for means over the law of levels."""
    if truth.noise_spread == 1:
        return np.array([truth.noise_variance]), np.ones(1)
    u, weights = np.polynomial.legendre.leggauss(N_LEVELS)
    return truth.noise_variance * truth.noise_spread ** (2 * u), weights / 2


@bound(metrics=("squared_error",), kind="floor", label="posterior mean, not told the noise level")
def posterior_mean_error(truth: LinearGaussian, test: Split) -> Annotated[np.ndarray, "(n,)"]:
    """Return the squared error of the posterior mean that is not told each signal's noise level.

    E[s | x] = Σ_j w_j p(x | σ_j) E[s | x, σ_j] / Σ_j w_j p(x | σ_j)

    Sums over levels by Gauss and Legendre's rule, signal by signal.

    Args:
        truth: the scenario.
        test: pairs x (n, n_observations) and s (n, n_signal).

    Returns:
        One value a row, (n,).

    Source: textbook.
    """
    levels, shares = _noise_levels(truth)
    powers, U = np.linalg.eigh(truth.matrix @ truth.covariance @ truth.matrix.T)
    z = test.x @ U
    gain = truth.covariance @ truth.matrix.T @ U
    total = powers + levels[:, None]  # (levels, n_observations)
    log_density = -0.5 * (np.log(total).sum(1) + (z**2) @ (1 / total).T)  # (n, levels)
    density = shares * np.exp(log_density - log_density.max(1, keepdims=True))
    mixed = (density / density.sum(1, keepdims=True)) @ (1 / total)
    errors: np.ndarray = (((z * mixed) @ gain.T - test.s) ** 2).sum(1)
    return errors


@bound(metrics=("squared_error",), kind="reference", label="best linear rule")
def best_linear_rule(truth: LinearGaussian) -> float:
    """Return the least mean squared error of rules that are linear in the observation.

    It is that of the posterior mean under noise of the mean variance, E σ² in place of σ².

    Args:
        truth: the scenario.

    Returns:
        The sum over the signal's entries, in units of s².

    Source: textbook.
    """
    levels, shares = _noise_levels(truth)
    return _error_at(truth, float(levels @ shares))


@bound(metrics=("squared_error",), kind="reference", label="best gradient steps there are")
def best_fixed_steps(truth: LinearGaussian, iteration: int | None) -> float:
    """Return the least error of gradient steps from 0, the same for each signal, on the truth.

    MMSE + min over μ of Σ_i w_i Π_k (1 − μ_k λ_i)²,  w_i = E(u_iᵀŝ)²,  of Q = HᵀH/σ² + C_s⁻¹

    The error of an estimate is that of the posterior mean ŝ and its distance to ŝ, as these do
    not correlate.

    Args:
        truth: the scenario.
        iteration: K, number of steps; ``None``: the limit, the minimum.

    Returns:
        The sum over the signal's entries, in units of s².

    Raises:
        ValueError: if signals have noise levels of their own.

    Source: ours; Fischer, 2011, for kernel polynomials.
    """
    if truth.noise_spread > 1:
        raise ValueError("noise_spread is above 1, and steps are best for one noise level")
    least = minimum_mean_squared_error(truth)
    if iteration is None:
        return least
    Q = truth.matrix.T @ truth.matrix / truth.noise_variance + prior_precision(truth)
    values, vectors = np.linalg.eigh(Q)
    weights = mean_squares(truth, values, vectors)
    return least + least_remaining_error(values, weights, iteration)


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
        ValueError: if P ≤ n + 2, where the expectation is infinite or the fit undefined, or if
            signals have noise levels of their own.

    Source: ours (the book shows this risk by simulation only); the estimator is Section 5.1's.
    """
    P, n = n_train, truth.n_observations
    if truth.noise_spread > 1:
        raise ValueError("noise_spread is above 1, and the formula is for Gaussian observations")
    if n_train <= n + 2:
        raise ValueError(
            f"n_train is {P}, but the expected error is finite only above n_observations + 2 = "
            f"{n + 2} training pairs"
        )
    return minimum_mean_squared_error(truth) * (1 + 1 / P) * (P - 2) / (P - n - 2)
