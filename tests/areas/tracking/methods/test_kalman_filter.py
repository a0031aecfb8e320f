"""The Kalman filter, beside filterpy and the joint Gaussian of a whole trajectory."""

import dataclasses

import filterpy.kalman
import numpy as np
import pytest
import torch
from areas.tracking.gaussian_oracle import Joint, at
from areas.tracking.linear_systems import CANONICAL, EXAMPLE_3_5, SYSTEMS, as_tuples, varying

from mbdl_repro.areas.tracking.kalman.likelihood import negative_log_likelihood
from mbdl_repro.areas.tracking.kalman.linear_filter import linear_model
from mbdl_repro.areas.tracking.kalman.model import linear_arrays
from mbdl_repro.areas.tracking.kalman.riccati import limit
from mbdl_repro.areas.tracking.methods.kalman_filter import KalmanFilter
from mbdl_repro.areas.tracking.methods.steady_state_kalman_filter import SteadyStateKalmanFilter
from mbdl_repro.areas.tracking.systems.linear_state_space import LinearStateSpace
from mbdl_repro.areas.tracking.systems.lorenz import Lorenz

every_system = pytest.mark.parametrize("truth", SYSTEMS.values(), ids=list(SYSTEMS))
with_missing = pytest.mark.parametrize("missing", [0.0, 0.4])


def observations(truth, missing, n_rows=4):
    x = truth.draw(n_rows, "test").x
    x[np.random.default_rng(3).random(x.shape) < missing] = np.nan
    return x


def filterpy_answer(truth, x):
    """Return means and variances, entry by entry seen, each as an update of its own covariance."""
    F, H, V, W, mean_0, cov_0 = linear_arrays(truth)
    means, variances = np.empty((2, *x.shape[:2], truth.m))
    for row in range(len(x)):
        other = filterpy.kalman.KalmanFilter(dim_x=truth.m, dim_z=truth.n)
        other.x, other.P = mean_0[:, None].copy(), cov_0.copy()
        for t in range(x.shape[1]):
            other.predict(F=at(F, t), Q=at(V, t))
            seen = ~np.isnan(x[row, t])
            if seen.any():
                H_seen, W_seen = at(H, t)[seen], at(W, t)[np.ix_(seen, seen)]
                other.update(x[row, t, seen][:, None], R=W_seen, H=H_seen)
            means[row, t] = other.x[:, 0]
            variances[row, t] = other.P.diagonal()
    return means, variances


def answer(method, x):
    with torch.no_grad():
        x = torch.from_numpy(x)
        return method(x).numpy(), method.claimed_variance(x).numpy()


@every_system
@with_missing
def test_it_agrees_with_filterpy(truth, missing):
    x = observations(truth, missing)
    ours, theirs = answer(KalmanFilter(truth), x), filterpy_answer(truth, x)
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-8)


@every_system
@with_missing
def test_it_is_the_conditional_mean_of_the_joint_gaussian(truth, missing):
    x = observations(truth, missing)
    means, variances = answer(KalmanFilter(truth), x)
    joint = Joint(linear_arrays(truth), x.shape[1])
    for row in range(len(x)):
        for t in range(1, x.shape[1] + 1):
            mean, covariance = joint.given(x[row], until=t)
            np.testing.assert_allclose(means[row, t - 1], mean[t], rtol=1e-8, atol=1e-8)
            expected = joint.block(covariance, t, t).diagonal()
            np.testing.assert_allclose(variances[row, t - 1], expected, rtol=1e-8, atol=1e-8)


@every_system
@with_missing
def test_the_likelihood_is_that_of_the_joint_gaussian(truth, missing):
    x = observations(truth, missing)
    joint = Joint(linear_arrays(truth), x.shape[1])
    expected = [-joint.log_likelihood(row) for row in x]
    ours = negative_log_likelihood(torch.from_numpy(x), linear_model(truth)).numpy()
    np.testing.assert_allclose(ours, expected, rtol=1e-8)


def test_rows_with_and_without_missing_entries_do_not_meet():
    truth = SYSTEMS["varying"]
    complete = observations(truth, 0.0)
    mixed = complete.copy()
    mixed[1, 2:4] = np.nan
    alone, beside = (answer(KalmanFilter(truth), x)[0] for x in (complete, mixed))
    np.testing.assert_allclose(beside[[0, 2, 3]], alone[[0, 2, 3]], rtol=1e-10, atol=1e-12)
    assert not np.allclose(beside[1], alone[1])


def test_where_nothing_is_seen_it_answers_with_the_prediction():
    x = np.full((2, 5, 1), np.nan)
    means, variances = answer(KalmanFilter(EXAMPLE_3_5), x)
    F, _, V, *_ = linear_arrays(EXAMPLE_3_5)
    s, P = np.array([0.0, 1.0]), np.zeros((2, 2))
    for t in range(5):
        s, P = F @ s, F @ P @ F.T + V
        np.testing.assert_allclose(means[:, t], [s, s], rtol=1e-12)
        np.testing.assert_allclose(variances[:, t], [P.diagonal()] * 2, rtol=1e-12)


def test_what_is_told_to_be_exact_is_believed():
    """V = 0 and a known first state: P is 0 throughout, and no observation moves the answer."""
    truth = dataclasses.replace(EXAMPLE_3_5, process_noise_std=0.0)
    means, variances = answer(KalmanFilter(truth), observations(truth, 0.3))
    assert not variances.any()
    np.testing.assert_allclose(means[..., 0], 0.1 * np.arange(1, 201)[None].repeat(4, 0))


def test_scales_are_those_of_variances():
    truth = SYSTEMS["random start"]
    scaled = KalmanFilter(truth, process_noise_scale=4.0, observation_noise_scale=9.0)
    twice = dataclasses.replace(
        truth, noise_ratio_db=None, process_noise_std=2 * truth.q, noise_std=3 * truth.r
    )
    x = observations(truth, 0.2)
    for a, b in zip(answer(scaled, x), answer(KalmanFilter(twice), x), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10)


def test_a_long_trajectory_keeps_the_gain_of_the_limit():
    """The recursion that stops early says what the one that does not says."""
    truth = dataclasses.replace(CANONICAL, n_steps=2000)
    K, P = limit(linear_arrays(truth))
    rule = KalmanFilter(truth).linear_rule(2000)
    np.testing.assert_allclose(rule.K[-1], K, rtol=1e-9)
    all_P = np.zeros((2, 2))
    F, H, V, W, *_ = linear_arrays(truth)
    for t in range(2000):
        before = F @ all_P @ F.T + V
        gain = before @ H.T @ np.linalg.inv(H @ before @ H.T + W)
        all_P = before - gain @ H @ before
        np.testing.assert_allclose(rule.K[t], gain, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(P, all_P, rtol=1e-9)


# --- the steady state ---


def test_the_limit_is_that_of_example_3_5():
    K, P = limit(linear_arrays(EXAMPLE_3_5))
    assert K.ravel() == pytest.approx([0.0683, 0.0241], abs=5e-5)
    F, H, *_ = linear_arrays(EXAMPLE_3_5)
    closed = (np.eye(2) - K @ H) @ F
    assert np.abs(np.linalg.eigvals(closed)).max() == pytest.approx(0.965, abs=5e-4)
    assert P[0, 0] == pytest.approx(0.2731, abs=5e-5)


def test_the_steady_state_filter_becomes_the_kalman_filter():
    truth = dataclasses.replace(CANONICAL, n_steps=60)
    x = observations(truth, 0.0)
    (slow, claimed), (fast, at_once) = (
        answer(method(truth), x) for method in (KalmanFilter, SteadyStateKalmanFilter)
    )
    assert np.abs(slow - fast)[:, 0].max() > 1e-3
    np.testing.assert_allclose(slow[:, -1], fast[:, -1], rtol=1e-7)
    np.testing.assert_allclose(claimed[:, -1], at_once[:, -1], rtol=1e-7)


def test_the_steady_state_filter_takes_what_is_seen():
    truth = SYSTEMS["random start"]
    method = SteadyStateKalmanFilter(truth)
    F, H, V, W, *_ = linear_arrays(truth)
    _, after = limit(linear_arrays(truth))
    P = F @ after @ F.T + V
    x = observations(truth, 0.4)
    means, _ = answer(method, x)
    for row in range(len(x)):
        s = np.zeros(2)
        for t in range(x.shape[1]):
            s, seen = F @ s, ~np.isnan(x[row, t])
            H_seen, W_seen = H[seen], W[np.ix_(seen, seen)]
            K = P @ H_seen.T @ np.linalg.inv(H_seen @ P @ H_seen.T + W_seen)
            s = s + K @ (x[row, t, seen] - H_seen @ s)
            np.testing.assert_allclose(means[row, t], s, rtol=1e-9, atol=1e-12)
    assert np.isfinite(answer(method, np.full((1, 3, 2), np.nan))[0]).all()


def test_there_is_no_steady_state_of_what_varies_or_has_no_limit():
    with pytest.raises(ValueError, match="varies"):
        SteadyStateKalmanFilter(varying())
    unseen = LinearStateSpace(
        transition=((1.2, 0.0), (0.0, 0.5)), observation=((0.0, 1.0),), n_observations=1,
        noise_std=1.0, process_noise_std=1.0, n_steps=5,
    )  # fmt: skip
    with pytest.raises(ValueError, match="no steady state"):
        SteadyStateKalmanFilter(unseen)


# --- what cannot be ---


@pytest.mark.parametrize("method", [KalmanFilter, SteadyStateKalmanFilter])
@pytest.mark.parametrize("shape", [(3, 0, 1), (3, 5, 2), (5, 1), (3, 5)])
def test_observations_of_another_shape_are_refused(method, shape):
    with pytest.raises(ValueError, match=r"allowed is \(n_rows, T, 1\), with T of 1 or more"):
        method(EXAMPLE_3_5)(torch.zeros(shape))


@pytest.mark.parametrize("missing", [False, True])
def test_more_steps_than_there_are_matrices_are_refused(missing):
    x = torch.full((2, 9, 2), torch.nan if missing else 0.0, dtype=torch.float64)
    with pytest.raises(ValueError, match="given for 7 steps, and 9 are asked for"):
        KalmanFilter(varying())(x)
    assert KalmanFilter(varying())(x[:, :5]).shape == (2, 5, 3)


def test_nonlinear_systems_and_what_is_withheld_are_refused():
    with pytest.raises(ValueError, match="Lorenz, which is not linear"):
        KalmanFilter(Lorenz(process_noise_std=1.0, noise_std=1.0, n_steps=3))
    with pytest.raises(ValueError, match="process_noise_std"):
        KalmanFilter(dataclasses.replace(EXAMPLE_3_5, process_noise_std=None))


@pytest.mark.parametrize("name", ["process_noise", "observation_noise"])
@pytest.mark.parametrize(
    ("matrix", "why"),
    [
        (((1.0, 0.5), (0.4, 1.0)), "not symmetric"),
        (((1.0, 2.0), (2.0, 1.0)), "not positive semidefinite"),
        (((1.0,),), "shape"),
        (((1.0, 0.0), (0.0,)), "different lengths"),
    ],
)
def test_a_covariance_that_is_none_is_refused(name, matrix, why):
    with pytest.raises(ValueError, match=f"{name}.*{why}"):
        dataclasses.replace(CANONICAL, **{name: matrix})


def test_matrices_of_another_number_of_steps_are_refused():
    F = as_tuples(np.tile(np.eye(2), (5, 1, 1)))
    with pytest.raises(ValueError, match="transition has shape"):
        dataclasses.replace(CANONICAL, transition=F)
