"""What cannot be filtered or simulated is refused, in words that say what and why."""

import pytest
import torch

from mbdl_repro import catalogue
from mbdl_repro.areas.tracking.systems.linear_state_space import LinearStateSpace
from mbdl_repro.areas.tracking.systems.lorenz import Lorenz

LINEAR = {"transition": "canonical", "process_noise_std": 0.5, "noise_std": 1.0, "n_steps": 5}
VARYING = LinearStateSpace(**LINEAR | {"transition": (((1.0, 0.1), (0.0, 1.0)),) * 5})
FILTERS = [
    "kalman_filter",
    "kalman_smoother",
    "extended_kalman_filter",
    "unscented_kalman_filter",
    "particle_filter",
    "kalmannet",
    "kalmannet_gru",
    "split_kalmannet",
    "recurrent_difference",
    "learned_kalman_filter",
]


def method(name: str, belief):
    return catalogue.method_class(catalogue.methods("tracking")[name])(belief)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"n_steps": 0}, "n_steps is 0"),
        ({"noise_std": -1.0}, "noise_std is -1"),
        ({"process_noise_std": -1.0}, "process_noise_std is -1"),
        ({"noise_ratio_db": 0.0}, "each implies the other"),
        ({"initial_state": (1.0, 2.0, 3.0)}, "initial_state has 3 entries"),
        ({"process_noise": ((1.0, 0.5), (0.0, 1.0))}, "process_noise: .* not symmetric"),
        ({"process_noise": ((1.0, 2.0), (2.0, 1.0))}, "not positive semidefinite"),
        ({"observation_noise": ((1.0, 2.0), (2.0, 1.0))}, "observation_noise: .* semidefinite"),
        ({"process_noise": ((float("inf"), 0.0), (0.0, 1.0))}, "should be a finite number"),
        ({"transition": ((1.0, float("nan")), (0.0, 1.0))}, "should be a finite number"),
        ({"transition": ((1.0, 0.0), (0.0,))}, "rows of different lengths"),
        ({"transition": ((1.0, 0.0, 0.0),)}, r"transition has shape \(1, 3\)"),
        ({"observation": ((1.0,),)}, r"observation has shape \(1, 1\)"),
        ({"n_observations": 3}, "n_observations is 3"),
        ({"n_observations": 1, "observation_rotation_rad": 0.1}, "cannot be rotated"),
        ({"transition": "constant_velocity", "n_state": 3}, "n_state is 3"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_a_system_that_cannot_be(fields, words):
    with pytest.raises(ValueError, match=words):
        LinearStateSpace(**LINEAR | fields)


@pytest.mark.parametrize("name", FILTERS)
@pytest.mark.parametrize("shape", [(5, 2), (3, 0, 2), (3, 5, 1)], ids=["flat", "T = 0", "n"])
def test_observations_that_do_not_fit(name, shape):
    with pytest.raises(ValueError, match="observations have shape"), torch.no_grad():
        method(name, LinearStateSpace(**LINEAR))(torch.zeros(shape, dtype=torch.float64))


@pytest.mark.parametrize("name", FILTERS)
def test_a_trajectory_longer_than_matrices_that_vary(name):
    with pytest.raises(ValueError, match="given for 5 steps"), torch.no_grad():
        method(name, VARYING)(torch.zeros(3, 6, 2, dtype=torch.float64))


def test_particles_need_noise_in_every_entry_of_an_observation():
    exact = LinearStateSpace(
        **LINEAR | {"process_noise_std": 0.0, "observation_noise": ((0.0, 0.0), (0.0, 0.0))}
    )
    with pytest.raises(ValueError, match="no particle"), torch.no_grad():
        method("particle_filter", exact)(torch.zeros(3, 5, 2, dtype=torch.float64))


def test_observations_of_another_precision():
    with pytest.raises(ValueError, match="float32"), torch.no_grad():
        method("kalman_filter", LinearStateSpace(**LINEAR))(
            torch.zeros(3, 5, 2, dtype=torch.float32)
        )


@pytest.mark.parametrize("name", ["kalman_filter", "kalman_smoother", "em_kalman_filter"])
def test_linear_filters_of_what_is_not_linear(name):
    lorenz = Lorenz(process_noise_std=0.1, noise_std=0.5, n_steps=6)
    with pytest.raises(ValueError, match="not linear"):
        method(name, lorenz)


@pytest.mark.parametrize("name", [n for n in FILTERS if n != "kalman_smoother"])
def test_where_nothing_was_seen_the_answer_is_the_prediction(name):
    truth = LinearStateSpace(**LINEAR | {"initial_state": (1.0, 2.0)})
    x = torch.full((2, 5, 2), torch.nan, dtype=torch.float64)
    with torch.no_grad():
        answer = method(name, truth)(x)
    s = torch.tensor(truth.mean_0)
    for t in range(5):
        s = truth.f(s)
        if name == "particle_filter":  # the mean of a thousand particles
            torch.testing.assert_close(answer[0, t], s, rtol=0, atol=0.4)
        elif name != "recurrent_difference":  # whose correction is not 0 before it is fitted
            torch.testing.assert_close(answer[0, t], s, rtol=1e-9, atol=1e-9)
        assert answer[0, t].isfinite().all()
