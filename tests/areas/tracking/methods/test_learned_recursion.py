"""The free recursion: its start, its rule with gaps, and what eight numbers can reach."""

import math

import numpy as np
import pytest
import torch
from areas.tracking.linear_systems import CANONICAL, SYSTEMS
from areas.tracking.stacks import assert_a_stack_is_each_of_its_fits, pairs

from mbdl_repro.areas.tracking.bounds import kalman_mse
from mbdl_repro.areas.tracking.methods.learned_recursion import LearnedRecursion
from mbdl_repro.areas.tracking.methods.steady_state_kalman_filter import SteadyStateKalmanFilter
from mbdl_repro.areas.tracking.metrics import expected_mse
from mbdl_repro.contract.seeding import torch_rng_for
from mbdl_repro.learning.recipe import Recipe

TRUTH = CANONICAL.believed(
    noise_ratio_db=-10.0, noise_std=1.0, observation_rotation_rad=math.radians(10)
)
WRONG = TRUTH.believed(observation_rotation_rad=0.0)


@pytest.mark.parametrize("name", ["random start", "one entry"])
def test_unfitted_it_is_the_steady_state_filter(name):
    truth = SYSTEMS[name].believed(initial_state=(1.0,) * SYSTEMS[name].m)
    x = pairs(truth, 10, "test").x
    torch.testing.assert_close(LearnedRecursion(truth)(x), SteadyStateKalmanFilter(truth)(x))


def test_a_missing_entry_is_the_one_that_is_believed_to_follow():
    gaps = TRUTH.believed(missing_probability=0.4)
    x = pairs(gaps, 6, "test").x
    method = LearnedRecursion(WRONG)
    with torch.no_grad():
        method.recursion.mul_(0.9)
        answer = method(x).numpy()
    A, K = method.recursion.detach().numpy(), method.gain.detach().numpy()
    for row, observed in enumerate(x.numpy()):
        s = np.zeros(2)
        for t, x_t in enumerate(observed):
            x_t = np.where(np.isnan(x_t), WRONG.H @ WRONG.F @ s, x_t)
            s = A @ s + K @ x_t
            np.testing.assert_allclose(answer[row, t], s, rtol=1e-10)


def test_eight_numbers_reach_what_is_exactly_the_best_but_for_the_first_steps():
    """Its expected error is exact; that of the best filter, whose gain varies, is a bound."""
    method = LearnedRecursion(WRONG)
    before, best = expected_mse(method, TRUTH), kalman_mse(TRUTH)
    recipe = Recipe(learning_rate=0.02, steps=100, batch_size=200, clip_norm=1, validate_every=20)
    train, validation = pairs(TRUTH, 1000, "train"), pairs(TRUTH, 200, "validation")
    method.fit(train, validation, recipe, torch_rng_for("fit"))
    steady = expected_mse(SteadyStateKalmanFilter(TRUTH), TRUTH)
    after = expected_mse(method, TRUTH)
    assert best < after < 1.01 * steady < 0.7 * before


def test_a_stack_of_fits_is_each_of_them():
    assert_a_stack_is_each_of_its_fits(lambda: LearnedRecursion(WRONG), TRUTH)


def test_what_varies_is_refused():
    with pytest.raises(ValueError, match="varies"):
        LearnedRecursion(SYSTEMS["varying"])
