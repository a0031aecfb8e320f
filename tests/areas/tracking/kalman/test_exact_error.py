"""Exact errors of linear filters: published digits, brute force, and simulation."""

import numpy as np
import pytest
import torch
from areas.tracking.linear_systems import CANONICAL, EXAMPLE_3_5, SYSTEMS, varying

from mbdl_repro.areas.tracking.kalman.exact_error import (
    linear_filter_error,
    matched_rule,
    steady_state_rule,
)
from mbdl_repro.areas.tracking.kalman.model import LinearRule, linear_arrays
from mbdl_repro.areas.tracking.methods.kalman_filter import KalmanFilter
from mbdl_repro.areas.tracking.methods.steady_state_kalman_filter import SteadyStateKalmanFilter

W_2 = {"noise_std": 2**0.5}
P_I = {"initial_std": 1.0}
TURNED = {"transition_rotation_rad": 0.01}
V_I = {"process_noise": "isotropic", "process_noise_std": 1.0}


def error_of(truth, rule_of=matched_rule, **believed):
    belief = linear_arrays(truth.believed(**believed))
    return linear_filter_error(linear_arrays(truth), rule_of(belief, truth.n_steps))


def decibels(value):
    return 10 * np.log10(value)


@pytest.mark.parametrize(
    ("believed", "rule", "expected"),
    [
        ({}, matched_rule, 0.2339),
        (P_I, matched_rule, 0.2948),
        (W_2 | P_I, matched_rule, 0.3236),
        ({}, steady_state_rule, 0.2546),
        (W_2, steady_state_rule, 0.2702),
        (TURNED | W_2 | P_I, matched_rule, 6.744),
        (TURNED | P_I, matched_rule, 11.087),
        (TURNED | V_I | W_2 | P_I, matched_rule, 1.550),
        (V_I | W_2 | P_I, matched_rule, 1.556),
        (V_I | P_I, matched_rule, 1.212),
    ],
)
def test_position_errors_of_examples_3_5_and_5_2(believed, rule, expected):
    half = 0.5 * 10.0 ** -(len(str(expected)) - str(expected).index(".") - 1)
    assert error_of(EXAMPLE_3_5, rule, **believed)[:, 0].mean() == pytest.approx(expected, abs=half)


def test_a_turned_transition_drifts():
    for believed, expected in ((TURNED | W_2 | P_I, 23.2), (TURNED | P_I, 40.3)):
        assert error_of(EXAMPLE_3_5, **believed)[-1, 0] == pytest.approx(expected, abs=0.05)


TURNED_SENSOR = CANONICAL.believed(
    noise_ratio_db=-20.0, noise_std=1.0, n_steps=100, observation_rotation_rad=np.pi / 18
)
TURNED_MOVE = CANONICAL.believed(noise_std=1.0, transition_rotation_rad=np.pi / 18)


@pytest.mark.parametrize(
    ("truth", "believed", "expected"),
    [
        (CANONICAL, {}, -21.968),
        (CANONICAL.believed(n_steps=200), {}, -21.916),
        (CANONICAL.believed(n_steps=100, noise_std=1.0), {}, -1.922),
        (CANONICAL.believed(n_steps=100, noise_std=1.0, noise_ratio_db=-10.0), {}, -4.706),
        (CANONICAL.believed(n_steps=20, noise_std=1.0, noise_ratio_db=-20.0), {}, -8.094),
        (CANONICAL.believed(n_steps=1000, noise_std=1.0, noise_ratio_db=-20.0), {}, -7.166),
        (TURNED_SENSOR, {}, -7.322),
        (TURNED_SENSOR, {"observation_rotation_rad": 0.0}, 1.347),
        (TURNED_MOVE, {}, -1.957),
        (TURNED_MOVE, {"transition_rotation_rad": 0.0}, 33.499),
    ],
)
def test_errors_of_revach_and_others_in_decibels(truth, believed, expected):
    assert decibels(error_of(truth, **believed).mean()) == pytest.approx(expected, abs=5e-4)


def test_a_filter_that_trusts_no_model_has_the_error_of_the_observations():
    """With H = I and a large V it follows x: 0 dB, however wrong its transition is."""
    believed = {"transition_rotation_rad": 0.0, "noise_ratio_db": 120.0}
    assert decibels(error_of(TURNED_MOVE, **believed).mean()) == pytest.approx(0.0, abs=1e-3)


def test_the_matched_error_is_what_the_filter_claims():
    for truth in SYSTEMS.values():
        claimed = KalmanFilter(truth).claimed_variance(torch.zeros(1, 7, truth.n).double())
        np.testing.assert_allclose(error_of(truth), claimed[0], rtol=1e-9, atol=1e-15)


def test_a_state_that_grows_costs_no_digits():
    """At T = 3000 the state's variance is 10⁹ times the error's."""
    truth = CANONICAL.believed(n_steps=3000, noise_ratio_db=-20.0)
    claimed = KalmanFilter(truth).claimed_variance(torch.zeros(1, 3000, 2).double())
    np.testing.assert_allclose(error_of(truth), claimed[0], rtol=1e-9)


def by_response(truth, rule):
    """Return the error as the sum of squared responses to each source of randomness, alone."""
    F, H, V, W, mean_0, cov_0 = linear_arrays(truth)
    T, m, n = len(rule.K), truth.m, truth.n

    def at(matrix, t):
        return matrix[t] if matrix.ndim == 3 else matrix

    def run(s, s_hat, v, w):
        errors = np.empty((T, m))
        for t in range(T):
            s = at(F, t) @ s + v[t]
            x = at(H, t) @ s + w[t]
            prediction = at(rule.F, t) @ s_hat
            s_hat = prediction + rule.K[t] @ (x - at(rule.H, t) @ prediction)
            errors[t] = s_hat - s
        return errors

    v, w, still = np.zeros((T, m)), np.zeros((T, n)), np.zeros(m)
    total = run(mean_0, rule.mean_0, v, w) ** 2
    for root in np.linalg.cholesky(cov_0 + 1e-300 * np.eye(m)).T:
        total += run(root, still, v, w) ** 2
    for t in range(T):
        for covariance, noise in ((at(V, t), v), (at(W, t), w)):
            for root in np.linalg.cholesky(covariance).T:
                noise[t] = root
                total += run(still, still, v, w) ** 2
            noise[t] = 0
    return total


def test_of_any_rule_it_is_the_sum_of_responses_to_each_noise():
    """Also where nothing fits, and all varies in time."""
    truth, other = varying(), varying(seed=8)
    rng = np.random.default_rng(0)
    for rule in (
        LinearRule(other.F, other.H, rng.standard_normal((7, 3, 2)) / 3, rng.standard_normal(3)),
        LinearRule(other.F[0], other.H[0], rng.standard_normal((7, 3, 2)) / 3, np.zeros(3)),
        matched_rule(linear_arrays(other), 7),
    ):
        expected = by_response(truth, rule)
        np.testing.assert_allclose(
            linear_filter_error(linear_arrays(truth), rule), expected, rtol=1e-10
        )


@pytest.mark.parametrize("believed", [{}, TURNED | P_I, V_I])
@pytest.mark.parametrize("method", [KalmanFilter, SteadyStateKalmanFilter])
def test_simulation_agrees_within_its_standard_error(method, believed):
    instance = method(EXAMPLE_3_5.believed(**believed))
    x, s = EXAMPLE_3_5.draw(1000, "test")
    squares = np.square(instance(torch.from_numpy(x)).numpy() - s)
    rule = LinearRule(*(part.numpy() for part in instance.linear_rule(200)))
    expected = linear_filter_error(linear_arrays(EXAMPLE_3_5), rule)
    for entry in range(2):
        errors = squares[..., entry].mean(1)
        standard_error = errors.std(ddof=1) / np.sqrt(1000)
        assert abs(errors.mean() - expected[:, entry].mean()) < 4 * standard_error
        assert standard_error < 0.06 * errors.mean()


def test_other_sizes_are_refused():
    with pytest.raises(ValueError, match="3 entries of the state and 2 of an observation"):
        linear_filter_error(linear_arrays(CANONICAL), matched_rule(linear_arrays(varying()), 5))
    rule = matched_rule(linear_arrays(CANONICAL), 9)
    with pytest.raises(ValueError, match="given for 7 steps, and 9"):
        linear_filter_error(linear_arrays(varying(m=2, n=2)), rule)
