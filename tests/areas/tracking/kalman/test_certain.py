"""What is certain before it is seen says nothing: one answer of filters, smoother and bounds."""

import numpy as np
import pytest
import torch
from areas.tracking.gaussian_oracle import Joint
from areas.tracking.kalman.exact_sensors import SYSTEMS

from mbdl_repro.areas.tracking.bounds import kalman_mse, smoother_mse
from mbdl_repro.areas.tracking.kalman.exact_error import (
    linear_filter_error,
    matched_rule,
    smoother_error,
)
from mbdl_repro.areas.tracking.kalman.extended import extended_kalman
from mbdl_repro.areas.tracking.kalman.likelihood import negative_log_likelihood
from mbdl_repro.areas.tracking.kalman.linear_filter import (
    constant_gains,
    gains_at_once,
    kalman_filter,
    kalman_gains,
    linear_model,
)
from mbdl_repro.areas.tracking.kalman.model import linear_arrays
from mbdl_repro.areas.tracking.kalman.riccati import limit
from mbdl_repro.areas.tracking.kalman.smoother import kalman_smoother
from mbdl_repro.areas.tracking.kalman.unscented import unscented_kalman
from mbdl_repro.areas.tracking.kalman.updates import kalman_gain

every_system = pytest.mark.parametrize("truth", SYSTEMS.values(), ids=list(SYSTEMS))
with_missing = pytest.mark.parametrize("missing", [0.0, 0.4])
CLOSE = {"rtol": 0, "atol": 1e-7}


def observations(truth, missing, n_rows=3):
    x = truth.draw(n_rows, "test").x
    x[np.random.default_rng(3).random(x.shape) < missing] = np.nan
    return x


FILTERS = {
    "kalman": lambda x, truth: kalman_filter(x, linear_model(truth), kalman_gains),
    "kalman, constant": lambda x, truth: kalman_filter(x, linear_model(truth), constant_gains),
    "kalman, at once": lambda x, truth: kalman_filter(x, linear_model(truth), gains_at_once),
    "extended": extended_kalman,
    "unscented": unscented_kalman,
}


@pytest.mark.parametrize("name", FILTERS)
@every_system
@with_missing
def test_filters_know_what_the_joint_gaussian_knows(truth, missing, name):
    x = observations(truth, missing)
    means, variances = FILTERS[name](torch.from_numpy(x), truth).moments()
    joint = Joint(linear_arrays(truth), x.shape[1])
    for row in range(len(x)):
        for t in range(1, x.shape[1] + 1):
            mean, covariance = joint.given(x[row], until=t)
            np.testing.assert_allclose(means[row, t - 1], mean[t], **CLOSE)
            expected = joint.block(covariance, t, t).diagonal()
            np.testing.assert_allclose(variances[row, t - 1], expected, **CLOSE)


@every_system
@with_missing
def test_the_smoother_knows_what_the_joint_gaussian_knows(truth, missing):
    x = observations(truth, missing)
    means, variances = kalman_smoother(torch.from_numpy(x), linear_model(truth)).moments()
    joint = Joint(linear_arrays(truth), x.shape[1])
    for row in range(len(x)):
        mean, covariance = joint.given(x[row])
        np.testing.assert_allclose(means[row], mean[1:], **CLOSE)
        expected = covariance.diagonal().reshape(-1, truth.m)[1:]
        np.testing.assert_allclose(variances[row], expected, **CLOSE)


@every_system
def test_exact_errors_and_bounds_are_the_variances_of_the_joint_gaussian(truth):
    T, arrays = truth.n_steps, linear_arrays(truth)
    joint = Joint(arrays, T)
    nothing = np.zeros((T, truth.n))
    of_all = joint.given(nothing)[1].diagonal().reshape(-1, truth.m)[1:]
    until = [joint.given(nothing, until=t)[1].diagonal() for t in range(1, T + 1)]
    so_far = np.stack([v.reshape(-1, truth.m)[t] for t, v in enumerate(until, 1)])
    np.testing.assert_allclose(smoother_error(arrays, T), of_all, **CLOSE)
    np.testing.assert_allclose(
        linear_filter_error(arrays, matched_rule(arrays, T)), so_far, **CLOSE
    )
    assert smoother_mse(truth) == pytest.approx(of_all.mean(), abs=1e-7)
    assert kalman_mse(truth) == pytest.approx(so_far.mean(), abs=1e-7)


def entry_by_entry(joint, x):
    """Return −log p of the entries of x that those before them leave uncertain."""
    C, e = joint.x_covariance, x.ravel() - joint.x_mean
    total, kept = 0.0, []
    for i in np.flatnonzero(~np.isnan(e)):
        gain = np.linalg.solve(C[np.ix_(kept, kept)], C[kept, i])
        variance = C[i, i] - gain @ C[kept, i]
        if variance > 1e-10 * max(C[i, i], 1e-10):
            total += 0.5 * ((e[i] - gain @ e[kept]) ** 2 / variance + np.log(2 * np.pi * variance))
            kept.append(i)
    return total


@every_system
@with_missing
def test_the_likelihood_is_that_of_what_is_uncertain(truth, missing):
    x = observations(truth, missing)
    joint = Joint(linear_arrays(truth), x.shape[1])
    ours = negative_log_likelihood(torch.from_numpy(x), linear_model(truth))
    expected = [entry_by_entry(joint, row) for row in x]
    np.testing.assert_allclose(ours, expected, rtol=1e-6, atol=1e-6)


def test_an_observation_that_contradicts_what_is_certain_moves_nothing():
    known = SYSTEMS["known from the start"]
    x = torch.full((2, 5, 2), 7.0, dtype=torch.float64)
    for run in FILTERS.values():
        means, variances = run(x, known).moments()
        assert not means.any() and not variances.any()


def test_of_twins_without_noise_one_is_heard():
    P = np.diag([4.0, 1.0])
    H = np.array([[1.0, 0.0], [1.0, 0.0]])
    K = kalman_gain(P, H, np.zeros((2, 2)))
    np.testing.assert_array_equal(K, [[1.0, 0.0], [0.0, 0.0]])
    np.testing.assert_array_equal(kalman_gain(0 * P, H, np.zeros((2, 2))), np.zeros((2, 2)))


def test_a_sensor_in_a_small_unit_is_no_certain_one():
    """All variances of entry 2 are 10⁻²⁰ of those of entry 1."""
    P, W, H = np.diag([1e10, 3e-10]), np.diag([1e10, 1e-10]), np.eye(2)
    np.testing.assert_allclose(kalman_gain(P, H, W), np.diag([0.5, 0.75]), rtol=1e-14)


@pytest.mark.parametrize("name", ["a constant", "two constants", "known from the start"])
def test_in_the_limit_what_is_known_is_known(name):
    K, P = limit(linear_arrays(SYSTEMS[name]))
    assert not P.any() and not K.any()
