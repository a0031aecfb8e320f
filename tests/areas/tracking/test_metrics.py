"""Metrics that ask the method itself: its exact error, what it claims, and what a step costs."""

import numpy as np
import pytest
import torch

from mbdl_repro import catalogue
from mbdl_repro.areas.tracking import metrics
from mbdl_repro.areas.tracking.systems.linear_state_space import LinearStateSpace
from mbdl_repro.areas.tracking.systems.lorenz import Lorenz

LINEAR = LinearStateSpace(
    transition="canonical", process_noise_std=0.5, noise_std=1.0, n_steps=12, initial_std=0.3
)
LORENZ = Lorenz(process_noise_std=0.1, noise_std=0.5, n_steps=6)


def method(name: str, belief, **settings):
    return catalogue.method_class(catalogue.methods("tracking")[name])(belief, **settings)


def estimates(rule, x: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return rule(torch.from_numpy(x)).numpy()


@pytest.mark.parametrize("belief", [{}, {"observation_rotation_rad": 0.2}], ids=["right", "wrong"])
def test_exact_expectations_are_what_simulation_tends_to(belief):
    rule = method("kalman_filter", LINEAR.believed(**belief))
    test = LINEAR.draw(20_000, "test")
    answer = estimates(rule, test.x)
    for exact, simulated in (
        (metrics.expected_mse(rule, LINEAR), metrics.mse(answer, test, LINEAR)),
        (metrics.expected_position_mse(rule, LINEAR), metrics.position_mse(answer, test, LINEAR)),
    ):
        error = simulated.std(ddof=1) / np.sqrt(len(simulated))
        assert error < 0.02 * exact
        assert abs(simulated.mean() - exact) < 4 * error
    assert metrics.expected_mse_db(rule, LINEAR) == metrics.expected_mse(rule, LINEAR)


def test_what_has_no_exact_expectation_is_left_out():
    assert metrics.expected_mse(method("extended_kalman_filter", LINEAR), LINEAR) is None
    assert metrics.expected_mse(method("kalman_filter", LINEAR), LORENZ) is None
    with_gaps = LINEAR.believed(missing_probability=0.1)
    assert metrics.expected_mse(method("kalman_filter", LINEAR), with_gaps) is None
    fitted = method("least_squares_model", LORENZ, estimate="observation")
    assert metrics.expected_mse(fitted, LINEAR) is None


def test_a_filter_that_is_right_claims_its_error():
    test = LINEAR.draw(50, "test")
    rule = method("kalman_filter", LINEAR)
    claimed = metrics.claimed_mse(rule, test)
    assert claimed.shape == (50,)
    np.testing.assert_allclose(claimed, metrics.expected_mse(rule, LINEAR), rtol=1e-10)
    assert metrics.claimed_mse(method("recurrent", LINEAR), test) is None


def test_operations_of_a_recurrent_network_are_those_counted_by_hand():
    """Per step: 3h(2n + h) for the gates' products, h m for the answer; two operations each."""
    h, n, m = 48, LINEAR.n, LINEAR.m
    by_hand = 2 * (3 * h * (2 * n + h) + h * m)
    rule = method("recurrent", LINEAR, hidden_size=h)
    assert metrics.flops_per_step(rule, LINEAR.draw(2, "test")) == by_hand


def test_operations_of_the_extended_kalman_filter_are_those_counted_by_hand():
    """Of a linear belief: f and h, F P Fᵀ, H P Hᵀ, the solution, K e and Joseph's form."""
    m = n = 2
    products = m * m + m * n  # f, h
    products += 2 * m**3  # F P Fᵀ
    products += n * m * m + n * m * n  # H P, (H P) Hᵀ
    products += m * n  # K e
    products += m * n * m + 2 * m**3 + m * n * n + m * n * m  # A = I − K H, A P Aᵀ, K W Kᵀ
    solution = n**3 / 3 + 2 * n**2 * m  # Cholesky's factors, and two substitutions
    rule = method("extended_kalman_filter", LINEAR)
    counted = metrics.flops_per_step(rule, LINEAR.draw(2, "test"))
    assert counted == pytest.approx(2 * products + solution, abs=1)
