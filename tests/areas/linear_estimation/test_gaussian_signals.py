"""The scenario and the bounds, each against a second derivation."""

import dataclasses

import numpy as np
import pytest

from mbdl_repro.areas.linear_estimation.bounds import (
    minimum_mean_squared_error,
    sample_estimator_risk,
)
from mbdl_repro.areas.linear_estimation.metrics import squared_error
from mbdl_repro.areas.linear_estimation.scenario import LinearGaussian
from mbdl_repro.contract.scenario import Split

TRUTHS = [
    LinearGaussian(),
    LinearGaussian(noise_std=0.01),
    LinearGaussian(n_signal=7, n_observations=4, observation_matrix="gaussian"),
    LinearGaussian(
        n_signal=3,
        n_observations=8,
        observation_matrix="gaussian",
        signal_covariance="identity",
        noise_std=1.0,
    ),
]


def standard_errors_off(truth: LinearGaussian, split: Split) -> float:
    """Return the largest deviation of a second moment of (s, w), in its standard errors."""
    causes = np.hstack([split.s, split.x - split.s @ truth.matrix.T])
    C = np.zeros((causes.shape[1], causes.shape[1]))
    C[: truth.n_signal, : truth.n_signal] = truth.covariance
    C[truth.n_signal :, truth.n_signal :] = truth.noise_std**2 * np.eye(truth.n_observations)
    variance = np.diag(C)
    standard_error = np.sqrt((np.outer(variance, variance) + C**2) / len(causes))  # Isserlis
    return float(np.abs((causes.T @ causes / len(causes) - C) / standard_error).max())


@pytest.mark.parametrize("truth", TRUTHS)
def test_draws_have_the_stated_covariance(truth: LinearGaussian) -> None:
    split = truth.draw(20_000, "moments")
    # Of 1830 near-normal deviations, the most there are here, one exceeds 5 once in 900 runs.
    assert standard_errors_off(truth, split) < 5
    louder = dataclasses.replace(truth, noise_std=1.1 * truth.noise_std)
    other = "identity" if truth.signal_covariance == "exponential" else "exponential"
    assert standard_errors_off(louder, split) > 5
    assert standard_errors_off(dataclasses.replace(truth, signal_covariance=other), split) > 5


def test_matrix_is_drawn_once() -> None:
    gaussian = LinearGaussian(observation_matrix="gaussian")
    for truth in (LinearGaussian(), gaussian):
        other = dataclasses.replace(truth, noise_std=1.0, signal_covariance="identity")
        assert np.array_equal(truth.matrix, other.matrix)
    assert not np.allclose(gaussian.matrix, LinearGaussian().matrix)


def test_covariance_entries() -> None:
    C_s = LinearGaussian().covariance
    assert C_s[4, 4] == pytest.approx(0.2)
    assert C_s[2, 5] == C_s[5, 2] == pytest.approx(0.2 * np.exp(-3))


def test_what_is_withheld_cannot_be_read() -> None:
    belief = LinearGaussian().believed(observation_matrix=None, noise_std=None)
    assert belief.covariance.shape == (30, 30)
    with pytest.raises(ValueError, match="observation_matrix is asked for, and is withheld"):
        _ = belief.matrix
    with pytest.raises(ValueError, match="noise_std"):
        _ = belief.noise_variance


def test_published_matrix_has_one_shape() -> None:
    with pytest.raises(ValueError, match=r"30 × 30.*is 20 × 30: use 'gaussian'"):
        LinearGaussian(n_observations=20)


@pytest.mark.parametrize(
    ("noise_std", "published"), [(0.01, 0.0014), (0.1, 0.1115), (0.3, 0.4948), (1.0, 1.6318)]
)
def test_floor_is_the_published_one(noise_std: float, published: float) -> None:
    floor = minimum_mean_squared_error(LinearGaussian(noise_std=noise_std))
    assert floor == pytest.approx(published, abs=5e-5)


@pytest.mark.parametrize("truth", TRUTHS)
def test_floor_is_the_trace_of_the_inverse_posterior_precision(truth: LinearGaussian) -> None:
    precision = np.linalg.inv(truth.covariance) + truth.matrix.T @ truth.matrix / truth.noise_std**2
    expected = np.trace(np.linalg.inv(precision))
    # The floor is a difference of terms as large as tr C_s.
    assert minimum_mean_squared_error(truth) == pytest.approx(
        expected, abs=1e-10 * np.trace(truth.covariance)
    )


def test_theory_is_refused_where_it_is_infinite() -> None:
    for n_train in (10, 32):
        with pytest.raises(ValueError, match=rf"n_train is {n_train}.*above.*32 training pairs"):
            sample_estimator_risk(LinearGaussian(), n_train)
    assert np.isfinite(sample_estimator_risk(LinearGaussian(), 33))


def test_squared_error_sums_over_entries() -> None:
    s = np.array([[1.0, 2.0], [0.0, 0.0]])
    estimate = np.array([[2.0, 4.0], [0.0, 3.0]])
    errors = squared_error(estimate, Split(s, s), LinearGaussian())
    assert errors.tolist() == [5.0, 9.0]
