"""What the notebooks of Examples 3.5 and 5.2 print, from our filter told what theirs was told.

The notebooks' code departs from their text, and from ours, in that

- the standard deviation of the observation noise, 2, stands where its variance, 4, belongs;
- the first state is known, and the filter's covariance begins with I;
- 3.5's first filter is called twice for each observation, and so moves twice as far in time;
- 3.5's third filter, said to be wrong only in V, keeps the rotated F of the second;
- 5.2's covariance goes on from trajectory to trajectory, so that its gain is that of the limit.
"""

import numpy as np
import pytest
import torch
from areas.tracking.linear_systems import EXAMPLE_3_5

from mbdl_repro.areas.tracking.methods.kalman_filter import KalmanFilter
from mbdl_repro.areas.tracking.methods.steady_state_kalman_filter import SteadyStateKalmanFilter

TOLD = EXAMPLE_3_5.believed(noise_std=2**0.5, initial_std=1.0)
TURNED = TOLD.believed(transition_rotation_rad=0.01)
V_IS_I = {"process_noise": "isotropic", "process_noise_std": 1.0}


def notebook_trajectory():
    """Return positions and observations, drawn as the notebook draws them."""
    stream = np.random.RandomState(0)
    V = EXAMPLE_3_5.V
    root = V / np.sqrt(np.trace(V))  # the square root of a matrix of rank one
    s, positions, observations = np.array([0.0, 1.0]), [], []
    for _ in range(200):
        s = EXAMPLE_3_5.F @ s + root @ stream.randn(2)
        positions.append(s[0])
        observations.append(s[0] + 2 * stream.randn())
    return np.array(positions), np.array(observations)


@pytest.mark.parametrize(
    ("belief", "calls", "printed"),
    [
        (TOLD, 2, 0.49151677473594996),
        (TURNED, 1, 9.405302702767761),
        (TURNED.believed(**V_IS_I), 1, 1.415291268943249),
    ],
)
def test_example_3_5_to_all_printed_digits(belief, calls, printed):
    positions, observations = notebook_trajectory()
    x = torch.from_numpy(observations.repeat(calls))[None, :, None]
    estimates = KalmanFilter(belief)(x)[0, calls - 1 :: calls, 0].numpy()
    error = np.square(positions - estimates).mean()
    assert error == pytest.approx(printed, rel=1e-11)


def test_what_the_filter_of_example_3_5_would_have_reached():
    """On the same trajectory, told W = 4 and called once: half of the error printed."""
    positions, observations = notebook_trajectory()
    x = torch.from_numpy(observations)[None, :, None]
    for belief, expected in (
        (EXAMPLE_3_5.believed(initial_std=1.0), 0.2843),
        (EXAMPLE_3_5, 0.2418),
    ):
        estimates = KalmanFilter(belief)(x)[0, :, 0].numpy()
        assert np.square(positions - estimates).mean() == pytest.approx(expected, abs=5e-5)
    assert np.square(positions - observations).mean() == pytest.approx(3.860, abs=5e-4)


def test_example_5_2_lies_in_the_spread_of_five_trajectories():
    """It states no seed: of 4000 sets of five, its two errors are none of the 1 % most extreme."""
    x, s = EXAMPLE_3_5.draw(20_000, "test")
    x = torch.from_numpy(x)
    errors = {}
    for name, changes, printed in (("full", {}, 0.238691), ("V = I", V_IS_I, 1.587644)):
        estimates = SteadyStateKalmanFilter(TOLD.believed(**changes))(x).numpy()
        sets = np.square(estimates - s)[..., 0].mean(1).reshape(4000, 5).mean(1)
        low, high = np.quantile(sets, [0.005, 0.995])
        assert low < printed < high, name
        errors[name] = sets
    # The printed ratio, 6.65, where both met the same five trajectories.
    low, high = np.quantile(errors["V = I"] / errors["full"], [0.005, 0.995])
    assert low < 1.587644 / 0.238691 < high
