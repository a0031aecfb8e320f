"""The scenario of an experiment: where its kept weights are at home, and what designers believe."""

import numpy as np
import pytest

import mbdl_repro as mbdl
from mbdl_repro.errors import UserError


def test_it_is_the_truth_of_the_experiments_own_values():
    truth = mbdl.scenario("5.01")
    assert (truth.noise_std, truth.signal_covariance) == (0.3, "exponential")


@pytest.mark.parametrize(("experiment", "label"), [("5.06", "lista"), ("5.02", "kalman_filter")])
def test_methods_that_are_kept_fit_what_is_drawn_from_it(experiment, label):
    x, s = mbdl.scenario(experiment).draw(3, "test", 0)
    answer = mbdl.load(experiment, label).estimate(x)
    assert answer.shape == s.shape
    assert np.isfinite(answer).all()


def test_a_belief_differs_from_it_as_the_file_says():
    truth, belief = mbdl.scenario("3.05"), mbdl.scenario("3.05", "rotated")
    assert belief == truth.believed(transition_rotation_rad=0.01, initial_std=1.0)


def test_a_belief_that_is_not_there():
    with pytest.raises(UserError, match=r"no belief 'rotatd'; did you mean rotated"):
        mbdl.scenario("3.05", "rotatd")
