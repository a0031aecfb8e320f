"""Bounds and references: theory against experiment, and one solver against another."""

import dataclasses

import numpy as np
import pytest
from sklearn.linear_model import Lasso

from mbdl_repro.sparse_recovery.bounds import (
    lasso,
    oracle_bayes,
    oracle_least_squares,
    oracle_least_squares_empirical,
)
from mbdl_repro.sparse_recovery.metrics import squared_error, squared_residual
from mbdl_repro.sparse_recovery.scenario import SparseRecovery

EXAMPLE_5_6 = SparseRecovery(
    observation_matrix="unit_columns",
    n_observations=150,
    n_signal=200,
    n_nonzeros=4,
    nonzero_std=0.5,
    noise_std=0.01,
)
EXAMPLE_3_6 = dataclasses.replace(
    EXAMPLE_5_6,
    observation_matrix="orthonormal_rows",
    n_observations=256,
    n_signal=1000,
    n_nonzeros=5,
)
NOISY = dataclasses.replace(EXAMPLE_5_6, n_observations=20, n_signal=30, noise_std=0.5)


@pytest.mark.parametrize("truth", [EXAMPLE_5_6, EXAMPLE_3_6, NOISY])
def test_oracle_theory_agrees_with_experiment(truth):
    errors = oracle_least_squares_empirical(truth, truth.draw(2000, "test"))
    standard_error = errors.std() / np.sqrt(len(errors))
    assert abs(errors.mean() - oracle_least_squares(truth)) < 4 * standard_error


def test_oracle_is_near_the_error_of_orthogonal_columns():
    """k σ² = 4.0e-4 with orthogonal columns; a little more with random ones, by k/n or so."""
    assert 4.0e-4 < oracle_least_squares(EXAMPLE_5_6) < 4.0e-4 * (1 + 1.5 * 4 / 150)


def test_bayes_oracle_is_the_error_of_the_conditional_mean():
    """The conditional mean in its other form, σ_s² H_Sᵀ(σ_s² H_S H_Sᵀ + σ² I)⁻¹ x."""
    test = NOISY.draw(4000, "test")
    signal_var, noise_cov = NOISY.nonzero_std**2, NOISY.noise_std**2 * np.eye(20)
    estimate = np.zeros_like(test.s)
    for x, s, row in zip(test.x, test.s, estimate, strict=True):
        H = NOISY.H[:, s != 0]
        row[s != 0] = signal_var * H.T @ np.linalg.solve(signal_var * H @ H.T + noise_cov, x)
    errors = squared_error(estimate, test, NOISY)
    assert abs(errors.mean() - oracle_bayes(NOISY)) < 4 * errors.std() / np.sqrt(len(errors))
    assert oracle_bayes(NOISY) < 0.8 * oracle_least_squares(NOISY)


def test_bayes_oracle_meets_least_squares_where_noise_is_weak():
    ratio = oracle_bayes(EXAMPLE_5_6) / oracle_least_squares(EXAMPLE_5_6)
    assert 1 - 2 * (0.01 / 0.5) ** 2 < ratio < 1


def test_lasso_is_tuned_and_solved():
    """Against coordinate descent at the best ρ known for Example 5.6, and at half and twice it."""
    validation, test = EXAMPLE_5_6.draw(200, "validation"), EXAMPLE_5_6.draw(400, "test")
    errors = lasso(EXAMPLE_5_6, validation, test)
    assert errors.shape == (400,)
    assert abs(errors.mean() - 0.0024) < 0.0002

    few = test.first(60)
    by_rho = {}
    for rho in (0.0075, 0.015, 0.03):
        model = Lasso(alpha=rho / 150, fit_intercept=False, tol=1e-8, max_iter=10_000)
        estimate = np.stack([model.fit(EXAMPLE_5_6.H, x).coef_.copy() for x in few.x])
        by_rho[rho] = squared_error(estimate, few, EXAMPLE_5_6).mean()
    assert min(by_rho, key=by_rho.get) == 0.015
    assert abs(errors[:60].mean() / by_rho[0.015] - 1) < 0.1


def test_metrics_are_sums_over_entries():
    test = NOISY.draw(5000, "test")
    assert squared_error(test.s, test, NOISY).max() == 0
    assert squared_residual(test.s, test, NOISY).shape == (5000,)
    noise_energy = squared_residual(test.s, test, NOISY).mean()  # σ² times χ² with n = 20
    assert abs(noise_energy / (20 * 0.25) - 1) < 5 * np.sqrt(2 / 20 / 5000)
    signal_energy = squared_error(np.zeros_like(test.s), test, NOISY).mean()
    assert abs(signal_energy / (4 * 0.25) - 1) < 5 * np.sqrt(2 / 4 / 5000)
