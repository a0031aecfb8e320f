"""Long recursions of the covariance: when they repeat themselves, and where they lead."""

import dataclasses

import numpy as np
import pytest
import torch
from areas.tracking.linear_systems import CANONICAL, EXAMPLE_3_5, SYSTEMS
from scipy.linalg import solve_discrete_are

from mbdl_repro.areas.tracking.kalman.exact_error import (
    linear_filter_error,
    matched_rule,
    smoother_error,
)
from mbdl_repro.areas.tracking.kalman.linear_filter import (
    constant_gains,
    kalman_gains,
    linear_model,
)
from mbdl_repro.areas.tracking.kalman.model import linear_arrays
from mbdl_repro.areas.tracking.kalman.riccati import (
    after,
    gains_and_covariances,
    joined,
    limit,
    one_step,
)
from mbdl_repro.areas.tracking.methods.kalman_filter import KalmanFilter
from mbdl_repro.areas.tracking.methods.steady_state_kalman_filter import SteadyStateKalmanFilter
from mbdl_repro.areas.tracking.systems.linear_state_space import LinearStateSpace

T = 1000
VAGUE = LinearStateSpace(
    transition=np.eye(2), observation=[[1.0, 0.0]], n_observations=1, n_steps=T, noise_std=1.0,
    process_noise_std=0.0, initial_std=1e6,
)  # fmt: skip
"""Two constants of a vague prior, of which the first is seen."""


def by_hand(model, n):
    """The textbook's recursion, with an inverse."""
    F, H, V, W, _, P = model
    found = []
    for _ in range(n):
        P = F @ P @ F.T + V
        K = P @ H.T @ np.linalg.inv(H @ P @ H.T + W)
        P = P - K @ H @ P
        found.append((K, P))
    return found


# --- repeating ---


@pytest.mark.parametrize("truth", [CANONICAL, EXAMPLE_3_5, SYSTEMS["random start"]])
def test_steps_that_repeat_themselves_are_those_one_by_one(truth):
    arrays = linear_arrays(truth)
    short, long = (gains_and_covariances(arrays, 3000, until_repeated=r) for r in (True, False))
    for ours, expected in zip(short, long, strict=True):
        np.testing.assert_array_equal(ours, expected)
    assert len({id(P) for P in short[1]}) < 2000, "none was repeated"


def test_what_turns_for_ever_is_repeated_as_it_turns():
    """No noise, nothing seen of it, a quarter of a turn a step: P has a period of two steps."""
    quarter = LinearStateSpace(
        transition=[[0.0, -1.0], [1.0, 0.0]], observation=[[0.0, 0.0]], n_observations=1,
        process_noise_std=0.0, noise_std=1.0, n_steps=9,
    )  # fmt: skip
    arrays = linear_arrays(quarter)._replace(cov_0=np.diag([1.0, 4.0]))
    _, covariances = gains_and_covariances(arrays, 9, until_repeated=True)
    expected = [np.diag([4.0, 1.0]), np.diag([1.0, 4.0])] * 5
    np.testing.assert_array_equal(covariances, expected[:9])
    with pytest.raises(ValueError, match="no steady state"):
        limit(arrays)


def test_a_small_entry_goes_on_converging_beside_a_large_one():
    """A constant of prior variance p, seen t times with variance one, has 1 / (1/p + t)."""
    exact = 1 / (1e-12 + np.arange(1, T + 1))
    arrays, model = linear_arrays(VAGUE), linear_model(VAGUE)
    for gains in (constant_gains, kalman_gains):
        np.testing.assert_allclose(gains(model, T)[1][:, 0, 0], exact, rtol=1e-4)
    rule = matched_rule(arrays, T)
    np.testing.assert_allclose(linear_filter_error(arrays, rule)[:, 0], exact, rtol=1e-3)
    np.testing.assert_allclose(smoother_error(arrays, T)[:, 0], exact[-1], rtol=1e-3)
    x = torch.from_numpy(np.random.default_rng(0).standard_normal((400, T, 1))) + 3.0
    with torch.no_grad():
        answer = KalmanFilter(VAGUE)(x)[:, -1, 0]
    torch.testing.assert_close(answer, x.mean((1, 2)), rtol=0, atol=1e-6)


def test_an_entry_in_a_small_unit_is_as_if_alone():
    """A kilometre beside a milliradian, neither of which knows of the other."""
    n = 2000
    both = LinearStateSpace(
        transition=np.eye(2), process_noise=np.diag([1e6, 1e-16]), process_noise_std=1.0,
        observation_noise=np.diag([1e6, 1e-6]), noise_std=1.0, initial_std=1.0, n_steps=n,
    )  # fmt: skip
    alone = LinearStateSpace(
        transition=[[1.0]], n_state=1, process_noise_std=1e-8, noise_std=1e-3, initial_std=1.0,
        n_steps=n,
    )  # fmt: skip
    expected = constant_gains(linear_model(alone), n)[1][:, 0, 0]
    ours = constant_gains(linear_model(both), n)[1][:, 1, 1]
    torch.testing.assert_close(ours, expected, rtol=1e-10, atol=0)
    K, P = limit(linear_arrays(both))
    K_alone, P_alone = limit(linear_arrays(alone))
    assert K[1, 1] == pytest.approx(K_alone.item(), rel=1e-9)
    assert P[1, 1] == pytest.approx(P_alone.item(), rel=1e-9)


# --- limits ---


@pytest.mark.parametrize(
    "truth", [EXAMPLE_3_5, CANONICAL, CANONICAL.believed(noise_ratio_db=-100.0)]
)
def test_the_limit_solves_the_algebraic_riccati_equation(truth):
    """Scipy's way, by eigenvectors of a symplectic pencil."""
    F, H, V, W, *_ = linear_arrays(truth)
    before = solve_discrete_are(F.T, H.T, V, W)
    expected = before @ H.T @ np.linalg.inv(H @ before @ H.T + W)
    K, P = limit(linear_arrays(truth))
    np.testing.assert_allclose(K, expected, rtol=1e-6, atol=1e-6 * np.abs(expected).max())
    np.testing.assert_allclose(P, before - expected @ H @ before, rtol=1e-6, atol=1e-12)


GROWS = LinearStateSpace(
    transition=[[1.2]], n_state=1, process_noise_std=0.0, noise_std=1.0, n_steps=60
)


def test_the_limit_is_that_from_the_known_start():
    """A mode that grows, and that nothing drives: known, it stays known."""
    K, P = limit(linear_arrays(GROWS))
    assert not K.any() and not P.any()
    uncertain = GROWS.believed(initial_std=0.1)
    K, P = limit(linear_arrays(uncertain))
    assert P.item() == pytest.approx(1 - 1 / 1.44, rel=1e-9)  # of P = 1.44 P / (1.44 P + 1)
    assert by_hand(linear_arrays(uncertain), 200)[-1][1].item() == pytest.approx(P.item())
    x = torch.from_numpy(GROWS.draw(3, "test").x)
    with torch.no_grad():
        torch.testing.assert_close(SteadyStateKalmanFilter(GROWS)(x), KalmanFilter(GROWS)(x))


@pytest.mark.parametrize("variance", [1.0, 1e10])
def test_a_constant_has_no_limit_in_whatever_unit_its_neighbour_is(variance):
    """Its variance, 1/t, is never constant."""
    unlike = LinearStateSpace(
        transition=np.eye(2), process_noise=np.diag([variance, 0.0]), process_noise_std=1.0,
        observation_noise=np.diag([variance, 1.0]), noise_std=1.0, initial_std=1.0, n_steps=10,
    )  # fmt: skip
    with pytest.raises(ValueError, match="no steady state"):
        limit(linear_arrays(unlike))
    known = dataclasses.replace(unlike, initial_std=0.0)
    K, P = limit(linear_arrays(known))
    golden = (5**0.5 - 1) / 2
    np.testing.assert_allclose(K, np.diag([golden, 0.0]), rtol=1e-9)
    np.testing.assert_allclose(P, np.diag([golden * variance, 0.0]), rtol=1e-9)


def test_what_drifts_slowly_has_no_limit():
    drifts = LinearStateSpace(
        transition=[[1.0]], observation=[[0.0]], n_state=1, process_noise_std=1e-7, noise_std=1.0,
        initial_std=1.0, n_steps=5,
    )  # fmt: skip
    with pytest.raises(ValueError, match="no steady state"):
        limit(linear_arrays(drifts))


def test_a_stretch_of_many_steps_does_what_they_do():
    truth = CANONICAL.believed(initial_std=0.7, observation="reversed_canonical")
    arrays = linear_arrays(truth)
    stretch = one_step(*arrays[:4])
    for doubling in range(1, 6):
        stretch = joined(stretch, stretch)
        expected = by_hand(arrays, 2**doubling)[-1][1]
        np.testing.assert_allclose(after(stretch, arrays.cov_0), expected, rtol=1e-10)
