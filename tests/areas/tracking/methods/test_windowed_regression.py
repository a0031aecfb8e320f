"""Windows against least squares written out, and against filters that a window can be."""

import dataclasses

import numpy as np
import pytest
import torch
from areas.tracking.linear_systems import CANONICAL, SYSTEMS
from areas.tracking.stacks import pairs

from mbdl_repro.areas.tracking.bounds import kalman_mse, smoother_mse
from mbdl_repro.areas.tracking.methods.steady_state_kalman_filter import SteadyStateKalmanFilter
from mbdl_repro.areas.tracking.methods.windowed_regression import WindowedRegression
from mbdl_repro.contract.scenario import Split


def window_of(x, t, before, ahead):
    """The observations around step t of a row (T, n), 0 where there is none, as one vector."""
    T, n = x.shape
    steps = range(t - before + 1, t + ahead + 1)
    return np.concatenate([x[k] if 0 <= k < T else np.zeros(n) for k in steps])


@pytest.mark.parametrize(("window", "ahead"), [(1, 0), (4, 0), (3, 2), (9, 9)])
@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_each_map_is_a_penalized_least_squares_fit(window, ahead, missing):
    truth = dataclasses.replace(SYSTEMS["varying"], missing_probability=missing)
    train, test = pairs(truth, 40, "train"), pairs(truth, 5, "test")
    method = WindowedRegression(truth, window=window, ahead=ahead, penalty=0.7)
    method.fit(train, train)
    answer = method(test.x)
    T = truth.n_steps
    following = np.minimum(T - 1 - np.arange(T), ahead)
    x, x_test = (np.nan_to_num(part.x.numpy()) for part in (train, test))
    for k in set(following):
        at = np.flatnonzero(following == k)
        X = np.array([window_of(row, t, window, ahead) for row in x for t in at])
        S = train.s[:, at].flatten(0, 1).numpy()
        width = X.shape[1]
        X = np.concatenate((X, np.sqrt(0.7) * np.eye(width)))  # the penalty, as observations
        S = np.concatenate((S, np.zeros((width, truth.m))))
        A = np.linalg.lstsq(X, S, rcond=None)[0]
        for row in range(5):
            for t in at:
                expected = window_of(x_test[row], t, window, ahead) @ A
                np.testing.assert_allclose(answer[row, t].detach(), expected, rtol=1e-7, atol=1e-8)


def test_a_long_window_is_any_constant_filter():
    truth = CANONICAL.believed(noise_ratio_db=-10.0)
    classical = SteadyStateKalmanFilter(truth)
    train, test = pairs(truth, 300, "train"), pairs(truth, 5, "test")
    method = WindowedRegression(truth, window=truth.n_steps, penalty=1e-9)
    method.fit(Split(train.x, classical(train.x)), train)
    torch.testing.assert_close(method(test.x), classical(test.x), rtol=1e-5, atol=1e-6)


def test_it_comes_near_the_best_filter_and_ahead_near_the_best_smoother():
    truth = CANONICAL.believed(noise_ratio_db=-10.0, noise_std=1.0)
    train, test = pairs(truth, 2000, "train"), pairs(truth, 4000, "test")
    for ahead, least in ((0, kalman_mse(truth)), (8, smoother_mse(truth))):
        method = WindowedRegression(truth, window=10, ahead=ahead)
        method.fit(train, train)
        with torch.no_grad():
            errors = (method(test.x) - test.s).square().mean((1, 2))
        noise = errors.std().item() / np.sqrt(len(errors))
        assert least - 4 * noise < errors.mean() < 1.06 * least + 4 * noise


def test_only_what_is_ahead_is_waited_for():
    truth = CANONICAL
    x = pairs(truth, 2, "test").x
    other = x.clone()
    other[:, 10] += 1
    for ahead in (0, 3):
        method = WindowedRegression(truth, window=4, ahead=ahead)
        method.fit(pairs(truth, 50, "train"), pairs(truth, 5, "validation"))
        moved = (method(x) != method(other)).any(0).any(-1).nonzero()[:, 0].tolist()
        assert moved == list(range(10 - ahead, 14))
