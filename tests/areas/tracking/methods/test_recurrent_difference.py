"""The black box that sees differences and corrects predictions."""

import numpy as np
import torch

from mbdl_repro.areas.tracking.kalman.linear_filter import linear_filter, linear_model
from mbdl_repro.areas.tracking.learned.filter import FIXED_GAINS
from mbdl_repro.areas.tracking.methods.recurrent_difference import RecurrentDifference
from mbdl_repro.areas.tracking.systems.linear_state_space import LinearStateSpace
from mbdl_repro.contract.scenario import Split
from mbdl_repro.learning.recipe import Recipe

TRUTH = LinearStateSpace(transition="canonical", process_noise_std=0.3, noise_std=0.3, n_steps=15)
RECIPE = Recipe(steps=150, batch_size=100, learning_rate=1e-2, clip_norm=1.0, precision="single")


def pairs(n, *stream):
    return Split(*(torch.from_numpy(part) for part in TRUTH.draw(n, *stream)))


def test_unfitted_it_returns_the_prediction():
    truth = TRUTH.believed(initial_state=(1.0, -0.5))
    with torch.no_grad():
        s = RecurrentDifference(truth)(pairs(3, "test").x).numpy()
    powers = [np.linalg.matrix_power(truth.F, t + 1) @ truth.mean_0 for t in range(15)]
    np.testing.assert_allclose(s, np.broadcast_to(powers, (3, 15, 2)), rtol=1e-12)


def test_it_is_told_differences_in_units_that_the_data_have():
    method, train = RecurrentDifference(TRUTH), pairs(200, "train")
    method.initialize(train, torch.Generator().manual_seed(0))
    model = linear_model(TRUTH)
    estimates = [
        linear_filter(train.x, gain * torch.eye(2).double(), model) for gain in FIXED_GAINS
    ]
    s = min(estimates, key=lambda s: (s - train.s).square().sum().item())
    before = torch.cat((torch.zeros(200, 1, 2), s[:, :-1]), 1).double()
    predicted = before @ model.F.T
    parts = (s - before, s - predicted, train.x - predicted)
    expected = torch.cat([part.square().mean((0, 1)).sqrt() for part in parts])
    torch.testing.assert_close(method.unit_of_features, expected)
    torch.testing.assert_close(method.unit_of_correction, expected[2:4])
    x = np.concatenate((np.zeros((200, 1, 2)), train.x.numpy()), 1)
    np.testing.assert_allclose(
        method.unit_of_changes.numpy(), np.sqrt((np.diff(x, axis=1) ** 2).mean((0, 1)))
    )


def test_fitted_it_corrects_in_both_directions_and_beats_the_measurements():
    method = RecurrentDifference(TRUTH, input_multiplier=3, hidden_multiplier=2)
    method.fit(pairs(1000, "train"), pairs(100, "validation"), RECIPE, torch.Generator())
    test = pairs(1000, "test")
    with torch.no_grad():
        track = method.track(test.x)
    assert (track.outputs.amin((0, 1)) < -0.5).all() and (track.outputs.amax((0, 1)) > 0.5).all()
    error, raw = ((s - test.s).square().mean() for s in (track.states, test.x))
    assert error < 0.75 * raw
