"""The Kalman smoother, beside the joint Gaussian of a whole trajectory."""

import numpy as np
import pytest
import torch
from areas.tracking.gaussian_oracle import Joint
from areas.tracking.linear_systems import CANONICAL, EXAMPLE_3_5, SYSTEMS

from mbdl_repro.areas.tracking.kalman.linear_filter import linear_model
from mbdl_repro.areas.tracking.kalman.model import linear_arrays
from mbdl_repro.areas.tracking.kalman.smoother import kalman_smoother
from mbdl_repro.areas.tracking.methods.kalman_filter import KalmanFilter
from mbdl_repro.areas.tracking.methods.kalman_smoother import KalmanSmoother

every_system = pytest.mark.parametrize("truth", SYSTEMS.values(), ids=list(SYSTEMS))


@every_system
@pytest.mark.parametrize("missing", [0.0, 0.4])
def test_it_is_the_posterior_of_the_joint_gaussian(truth, missing):
    x = truth.draw(4, "test").x
    x[np.random.default_rng(3).random(x.shape) < missing] = np.nan
    means, covariances, lagged = kalman_smoother(torch.from_numpy(x), linear_model(truth))
    T = x.shape[1]
    covariances = covariances.expand(4, T + 1, truth.m, truth.m)
    lagged = lagged.expand(4, T, truth.m, truth.m)
    joint = Joint(linear_arrays(truth), T)
    close = {"rtol": 1e-8, "atol": 1e-8}
    for row in range(4):
        mean, covariance = joint.given(x[row])
        np.testing.assert_allclose(means[row], mean, **close)
        for t in range(T + 1):
            np.testing.assert_allclose(covariances[row, t], joint.block(covariance, t, t), **close)
            if t:
                expected = joint.block(covariance, t, t - 1)
                np.testing.assert_allclose(lagged[row, t - 1], expected, **close)
    method = KalmanSmoother(truth)
    np.testing.assert_array_equal(method(torch.from_numpy(x)), means[:, 1:])
    diagonal = covariances[:, 1:].diagonal(dim1=-2, dim2=-1)
    np.testing.assert_array_equal(method.claimed_variance(torch.from_numpy(x)), diagonal)


def test_at_the_end_it_is_the_filter_and_before_it_claims_less():
    x = torch.from_numpy(EXAMPLE_3_5.draw(5, "test").x)
    smoother, forward = KalmanSmoother(EXAMPLE_3_5), KalmanFilter(EXAMPLE_3_5)
    torch.testing.assert_close(smoother(x)[:, -1], forward(x)[:, -1], rtol=1e-12, atol=0)
    claims = [method.claimed_variance(x) for method in (smoother, forward)]
    assert (claims[0] <= claims[1] + 1e-14).all()
    assert (claims[0] >= 0).all()
    assert claims[0].mean() < 0.5 * claims[1].mean()


def test_it_holds_over_many_steps():
    """Where RTS would invert covariances of a state that grows, nothing is lost."""
    truth = CANONICAL.believed(n_steps=1000)
    x, s = truth.draw(20, "test")
    errors = np.square(KalmanSmoother(truth)(torch.from_numpy(x)).numpy() - s).mean((1, 2))
    expected = KalmanSmoother(truth).claimed_variance(torch.from_numpy(x[:1])).mean().item()
    assert abs(errors.mean() - expected) < 4 * errors.std(ddof=1) / np.sqrt(20)


def test_nothing_seen_is_the_prior_and_no_steps_are_refused():
    truth = SYSTEMS["varying"]
    x = torch.full((2, 7, 2), torch.nan, dtype=torch.float64)
    torch.testing.assert_close(KalmanSmoother(truth)(x), KalmanFilter(truth)(x))
    with pytest.raises(ValueError, match="T of 1 or more"):
        KalmanSmoother(truth)(x[:, :0])
