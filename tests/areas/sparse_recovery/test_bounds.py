"""Bounds and references: theory against experiment, and one theory against another."""

import dataclasses
from functools import cache

import numpy as np
import pytest
import torch
from truths import BENCHMARK, EXAMPLE_5_6

from mbdl_repro.areas.sparse_recovery.bounds import (
    amp_state_evolution_bayes,
    amp_state_evolution_soft,
    oracle_bayes,
    oracle_bayes_nmse,
    oracle_least_squares,
    oracle_least_squares_empirical,
    oracle_least_squares_nmse,
)
from mbdl_repro.areas.sparse_recovery.methods.lasso import Lasso
from mbdl_repro.areas.sparse_recovery.metrics import squared_error, squared_residual

EXAMPLE_3_6 = dataclasses.replace(
    EXAMPLE_5_6,
    observation_matrix="orthonormal_rows",
    n_observations=256,
    n_signal=1000,
    n_nonzeros=5,
)

NOISY = dataclasses.replace(EXAMPLE_5_6, n_observations=20, n_signal=30, noise_std=0.5)


@cache
def value(bound, truth):
    return bound(truth)


@pytest.mark.parametrize("truth", [EXAMPLE_5_6, EXAMPLE_3_6, NOISY])
def test_oracle_theory_agrees_with_experiment(truth):
    errors = oracle_least_squares_empirical(truth, truth.draw(2000, "test"))
    standard_error = errors.std() / np.sqrt(len(errors))
    assert abs(errors.mean() - value(oracle_least_squares, truth)) < 4 * standard_error


def test_oracle_is_near_the_error_of_orthogonal_columns():
    """k σ² = 4.0e-4 with orthogonal columns; a little more with random ones, by k/n or so."""
    assert 4.0e-4 < value(oracle_least_squares, EXAMPLE_5_6) < 4.0e-4 * (1 + 1.5 * 4 / 150)


def test_bayes_oracle_is_the_error_of_the_conditional_mean():
    """The conditional mean in its other form, σ_s² H_Sᵀ(σ_s² H_S H_Sᵀ + σ² I)⁻¹ x."""
    test = NOISY.draw(4000, "test")
    signal_var, noise_cov = NOISY.nonzero_std**2, NOISY.noise_std**2 * np.eye(20)
    estimate = np.zeros_like(test.s)
    for x, s, row in zip(test.x, test.s, estimate, strict=True):
        H = NOISY.H[:, s != 0]
        row[s != 0] = signal_var * H.T @ np.linalg.solve(signal_var * H @ H.T + noise_cov, x)
    errors = squared_error(estimate, test, NOISY)
    assert abs(errors.mean() - value(oracle_bayes, NOISY)) < 4 * errors.std() / np.sqrt(len(errors))
    assert value(oracle_bayes, NOISY) < 0.8 * value(oracle_least_squares, NOISY)


def test_bayes_oracle_meets_least_squares_where_noise_is_weak():
    ratio = value(oracle_bayes, EXAMPLE_5_6) / value(oracle_least_squares, EXAMPLE_5_6)
    assert 1 - 2 * (0.01 / 0.5) ** 2 < ratio < 1


@pytest.mark.parametrize("truth", [EXAMPLE_5_6, BENCHMARK])
def test_relative_bounds_are_those_over_the_energy(truth):
    energy = np.square(truth.draw(4000, "test").s).sum(1)
    standard_error = energy.std() / np.sqrt(4000)
    for relative, absolute in (
        (oracle_bayes_nmse, oracle_bayes),
        (oracle_least_squares_nmse, oracle_least_squares),
    ):
        assert (
            abs(value(absolute, truth) / value(relative, truth) - energy.mean())
            < 4 * standard_error
        )


def test_the_benchmark_has_the_known_oracle():
    assert abs(10 * np.log10(value(oracle_least_squares_nmse, BENCHMARK)) + 45.95) < 0.1


def test_state_evolution_starts_at_the_energy_and_falls_to_its_limit():
    for evolution in (amp_state_evolution_soft, amp_state_evolution_bayes):
        errors = [evolution(BENCHMARK, k) for k in (0, 1, 2, 5, 10, 20, 50, None)]
        assert errors[0] == 1.0
        assert (np.diff(errors) <= 1e-15).all()
        assert errors[-1] == pytest.approx(evolution(BENCHMARK, 500), rel=1e-9)


def test_the_better_denoiser_is_better_and_no_better_than_knowing_the_support():
    """In the limit of large problems least squares on the support has pσ²/(1 − pm/n) an entry."""
    soft, bayes = (
        f(BENCHMARK, None) for f in (amp_state_evolution_soft, amp_state_evolution_bayes)
    )
    known_support = BENCHMARK.sigma**2 / (1 - 0.1 * 500 / 250)
    assert known_support * (1 - 1e-4) < bayes < 0.2 * soft
    assert abs(value(oracle_least_squares_nmse, BENCHMARK) / known_support - 1) < 0.02


def test_the_state_evolution_meets_the_tuned_lasso():
    """Bayati and Montanari, 2012: its limit at the best α is the LASSO's error at the best ρ."""
    x, s = map(torch.from_numpy, BENCHMARK.draw(60, "test"))
    by_rho = [
        ((Lasso(BENCHMARK, rho=rho)(x) - s).square().sum() / s.square().sum()).item()
        for rho in (0.003, 0.004, 0.006, 0.008)
    ]
    assert abs(10 * np.log10(min(by_rho) / amp_state_evolution_soft(BENCHMARK, None))) < 0.5


@pytest.mark.parametrize("evolution", [amp_state_evolution_soft, amp_state_evolution_bayes])
def test_the_state_evolution_is_refused_where_it_does_not_hold(evolution):
    with pytest.raises(ValueError, match="observation_matrix is orthonormal_rows"):
        evolution(EXAMPLE_3_6, None)


def test_metrics_are_sums_over_entries():
    test = NOISY.draw(5000, "test")
    assert squared_error(test.s, test, NOISY).max() == 0
    assert squared_residual(test.s, test, NOISY).shape == (5000,)
    noise_energy = squared_residual(test.s, test, NOISY).mean()  # σ² times χ² with n = 20
    assert abs(noise_energy / (20 * 0.25) - 1) < 5 * np.sqrt(2 / 20 / 5000)
    signal_energy = squared_error(np.zeros_like(test.s), test, NOISY).mean()
    assert abs(signal_energy / (4 * 0.25) - 1) < 5 * np.sqrt(2 / 4 / 5000)
