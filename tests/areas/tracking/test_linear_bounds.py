"""Bounds of linear systems, beside the joint Gaussian, long recursions and simulation."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from areas.tracking.gaussian_oracle import Joint
from areas.tracking.linear_systems import CANONICAL, EXAMPLE_3_5, SYSTEMS

from mbdl_repro.areas.tracking import bounds
from mbdl_repro.areas.tracking.kalman.exact_error import smoother_error
from mbdl_repro.areas.tracking.kalman.model import linear_arrays
from mbdl_repro.areas.tracking.methods.kalman_filter import KalmanFilter
from mbdl_repro.areas.tracking.methods.kalman_smoother import KalmanSmoother
from mbdl_repro.areas.tracking.systems.linear_state_space import LinearStateSpace
from mbdl_repro.areas.tracking.systems.lorenz import Lorenz

ALL = [
    bounds.smoother_mse,
    bounds.kalman_mse,
    bounds.kalman_position_mse,
    bounds.kalman_steady_state_mse,
]


@pytest.mark.parametrize("truth", SYSTEMS.values(), ids=list(SYSTEMS))
def test_the_floor_is_the_posterior_variance_of_the_joint_gaussian(truth):
    joint = Joint(linear_arrays(truth), 7)
    _, covariance = joint.given(np.zeros((7, truth.n)))
    expected = covariance.diagonal().reshape(8, truth.m)[1:]
    np.testing.assert_allclose(
        smoother_error(linear_arrays(truth), 7), expected, rtol=1e-8, atol=1e-12
    )
    assert bounds.smoother_mse(truth) == pytest.approx(expected.mean(), rel=1e-8)
    assert bounds.smoother_mse(truth) < bounds.kalman_mse(truth)


@pytest.mark.parametrize(
    ("method", "bound"),
    [(KalmanFilter, bounds.kalman_mse), (KalmanSmoother, bounds.smoother_mse)],
)
def test_simulation_agrees_within_its_standard_error(method, bound):
    truth = CANONICAL.believed(n_steps=100)
    x, s = truth.draw(500, "test")
    errors = np.square(method(truth)(torch.from_numpy(x)).numpy() - s).mean((1, 2))
    standard_error = errors.std(ddof=1) / np.sqrt(500)
    assert abs(errors.mean() - bound(truth)) < 4 * standard_error
    assert standard_error < 0.01 * bound(truth)


def test_in_the_limit_of_long_trajectories_they_meet():
    assert bounds.kalman_position_mse(EXAMPLE_3_5) == pytest.approx(0.2339, abs=5e-5)
    long = CANONICAL.believed(n_steps=20_000)
    assert bounds.kalman_mse(long) == pytest.approx(
        bounds.kalman_steady_state_mse(CANONICAL), rel=1e-4
    )


def test_the_steady_state_of_what_the_solver_gives_up_on():
    """A mode on the unit circle that no noise drives, and that is never excited."""
    still = LinearStateSpace(
        transition=((1.0, 0.0), (0.0, 0.5)), process_noise=((0.0, 0.0), (0.0, 1.0)),
        noise_std=1.0, process_noise_std=1.0, n_steps=5,
    )  # fmt: skip
    alone = LinearStateSpace(
        transition=((0.5,),), n_state=1, n_observations=1, noise_std=1.0, process_noise_std=1.0,
        n_steps=5,
    )  # fmt: skip
    expected = bounds.kalman_steady_state_mse(alone)
    before = 0.25 * expected + 1  # the scalar Riccati equation
    assert expected == pytest.approx(before / (before + 1), rel=1e-12)
    assert bounds.kalman_steady_state_mse(still) == pytest.approx(expected / 2, rel=1e-9)


@pytest.mark.parametrize("bound", ALL, ids=lambda bound: bound.__name__)
def test_a_nonlinear_truth_is_refused(bound):
    lorenz = Lorenz(noise_std=1.0, process_noise_std=1.0, n_steps=5)
    with pytest.raises(ValueError, match="exact for linear systems, and the scenario is Lorenz"):
        bound(lorenz)


def test_where_entries_are_missing_the_floor_still_holds_and_the_theory_is_refused():
    truth = SYSTEMS["random start"].believed(missing_probability=0.4)
    x, s = truth.draw(500, "test")
    errors = np.square(KalmanSmoother(truth)(torch.from_numpy(x)).numpy() - s).mean((1, 2))
    assert bounds.smoother_mse(truth) < errors.mean() - 4 * errors.std() / np.sqrt(500)
    for bound in ALL[2:]:
        with pytest.raises(ValueError, match=r"missing_probability is 0\.4"):
            bound(truth)


def test_they_are_computed_without_torch():
    code = (
        "import sys; from mbdl_repro.areas.tracking import bounds; "
        "from mbdl_repro.areas.tracking.systems.linear_state_space import LinearStateSpace; "
        "t = LinearStateSpace(transition='canonical', noise_std=1.0, process_noise_std=1.0, "
        "n_steps=5); bounds.smoother_mse(t), bounds.kalman_mse(t), "
        "bounds.kalman_steady_state_mse(t); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
