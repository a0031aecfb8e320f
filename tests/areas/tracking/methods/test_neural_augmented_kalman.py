"""The messages against gradients of the joint density, their rest, and what a network adds."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from areas.tracking.gaussian_oracle import Joint
from areas.tracking.linear_systems import CANONICAL, EXAMPLE_3_5, SYSTEMS

from mbdl_repro.areas.tracking.kalman.chain import Chain
from mbdl_repro.areas.tracking.kalman.linear_filter import linear_model
from mbdl_repro.areas.tracking.kalman.model import linear_arrays
from mbdl_repro.areas.tracking.methods.kalman_smoother import KalmanSmoother
from mbdl_repro.areas.tracking.methods.neural_augmented_kalman import NeuralAugmentedKalman
from mbdl_repro.areas.tracking.systems.lorenz import Lorenz
from mbdl_repro.contract.scenario import Split
from mbdl_repro.contract.seeding import torch_rng_for
from mbdl_repro.learning.recipe import Recipe

NOT_SINGULAR = [name for name in SYSTEMS if name != "rank one"]


def pairs(truth, n, *stream):
    return Split(*(torch.from_numpy(part) for part in truth.draw(n, *stream)))


def with_gaps(name, probability=0.3):
    truth = dataclasses.replace(SYSTEMS[name], missing_probability=probability)
    return truth, torch.from_numpy(truth.draw(4, "test").x)


# --- messages ---


@pytest.mark.parametrize("probability", [0.0, 0.3])
@pytest.mark.parametrize("name", NOT_SINGULAR)
def test_a_message_moves_to_the_mean_given_the_neighbours_and_the_observation(name, probability):
    """A second way: condition the joint Gaussian of all states on all but one, and the data."""
    truth, x = with_gaps(name, probability)
    T, m = 7, truth.m
    joint = Joint(linear_arrays(truth), T)
    s = np.random.default_rng(0).standard_normal((4, T, m))
    chain = Chain.of(x, linear_model(truth))
    moves = sum(chain.messages(torch.from_numpy(s).transpose(0, 1))).transpose(0, 1).numpy()
    for row in range(4):
        mean, covariance = joint.given(x[row].numpy())
        mean, information = mean[1:].ravel(), np.linalg.inv(covariance[m:, m:])
        pull = information @ (mean - s[row].ravel())
        for t in range(T):
            own = slice(t * m, (t + 1) * m)
            expected = np.linalg.solve(information[own, own], pull[own])
            np.testing.assert_allclose(moves[row, t], expected, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("name", NOT_SINGULAR)
def test_messages_add_up_to_nothing_at_the_smoothers_estimate(name):
    truth, x = with_gaps(name)
    s = KalmanSmoother(truth)(x).transpose(0, 1)
    messages = Chain.of(x, linear_model(truth)).messages(s)
    size = max(message.abs().max() for message in messages)
    assert size > 0.01
    assert sum(messages).abs().max() < 1e-10 * size


@pytest.mark.parametrize("step", [0.5, 0.9])
@pytest.mark.parametrize("name", NOT_SINGULAR)
def test_from_any_start_the_moves_lead_to_the_smoothers_estimate(name, step):
    """One round is s → B s + c, whose B is found column by column."""
    truth, x = with_gaps(name)
    size = 7 * truth.m
    starts = torch.cat((torch.zeros(1, size), torch.eye(size))).double().unflatten(1, (7, truth.m))
    chain = Chain.of(x[:1].expand(len(starts), -1, -1), linear_model(truth))
    moved = starts + step * sum(chain.messages(starts.transpose(0, 1))).transpose(0, 1)
    c, *columns = moved.flatten(1)
    B = torch.stack(columns, 1) - c[:, None]
    assert torch.linalg.eigvals(B).abs().max() < 1
    rest = torch.linalg.solve(torch.eye(size).double() - B, c)
    expected = KalmanSmoother(truth)(x)[0].flatten()
    torch.testing.assert_close(rest, expected, rtol=1e-8, atol=1e-8)


# --- the method ---


def test_unfitted_it_rests_at_the_smoothers_estimate():
    truth, x = with_gaps("varying")
    expected = KalmanSmoother(truth)(x)
    method = NeuralAugmentedKalman(truth, iterations=50)
    method.initialize(pairs(truth, 50, "train"), torch_rng_for("fit"))
    with torch.no_grad():
        for estimate in method.iterates(x):
            torch.testing.assert_close(estimate, expected, rtol=1e-9, atol=1e-10)


def test_what_it_cannot_do_is_refused():
    with pytest.raises(ValueError, match="V is singular"):
        NeuralAugmentedKalman(EXAMPLE_3_5)
    with pytest.raises(ValueError, match="not linear"):
        NeuralAugmentedKalman(Lorenz(n_steps=5, noise_std=1.0, process_noise_std=1.0))
    with pytest.raises(ValueError, match="shape"):
        NeuralAugmentedKalman(CANONICAL)(torch.zeros(3, 20, 5, dtype=torch.float64))


def test_a_trajectory_of_which_nothing_is_seen():
    method = NeuralAugmentedKalman(CANONICAL.believed(initial_state=(1.0, 2.0)))
    x = torch.full((2, 5, 2), math.nan, dtype=torch.float64)
    expected = [[1 + 2 * t, 2] for t in range(1, 6)]
    torch.testing.assert_close(
        method(x)[0].detach(), torch.tensor(expected, dtype=torch.float64), rtol=1e-10, atol=1e-10
    )


def test_a_network_reaches_as_many_neighbours_as_there_are_rounds():
    method = NeuralAugmentedKalman(CANONICAL, iterations=3, hidden_size=8)
    method.initialize(pairs(CANONICAL, 50, "train"), torch_rng_for("fit"))
    method.output.data.normal_(generator=torch_rng_for("output"))
    s = torch.zeros(1, 20, 2, dtype=torch.float64)
    x = pairs(CANONICAL, 1, "test").x
    other = x.clone()
    other[0, 10] += 1
    with torch.no_grad():
        ours = method(x) - method(other)
        plain = KalmanSmoother(CANONICAL)(x) - KalmanSmoother(CANONICAL)(other)
    assert ours.shape == s.shape
    assert ((ours - plain).abs() > 1e-6)[0, 7:14].any(-1).all()


@pytest.fixture(scope="module")
def rotated():
    truth = CANONICAL.believed(
        noise_ratio_db=-20.0, noise_std=1.0, n_steps=40, observation_rotation_rad=math.radians(10)
    )
    belief = truth.believed(observation_rotation_rad=0.0)
    method = NeuralAugmentedKalman(belief, hidden_size=12)
    recipe = Recipe(
        learning_rate=2e-2,
        steps=50,
        batch_size=20,
        clip_norm=1.0,
        validate_every=25,
        precision="single",
    )
    train, validation = pairs(truth, 100, "train", 100), pairs(truth, 50, "validation", 100)
    method.fit(train, validation, recipe, torch_rng_for("fit"))
    return truth, belief, method


def error(method, truth, n=200):
    test = pairs(truth, n, "test", 100)
    with torch.no_grad():
        return (method(test.x) - test.s).square().mean().item()


def test_where_h_is_rotated_it_is_between_the_smoothers_with_and_without_the_truth(rotated):
    truth, belief, method = rotated
    wrong, best, ours = (
        error(m, truth) for m in (KalmanSmoother(belief), KalmanSmoother(truth), method)
    )
    assert best < ours < best + 0.3 * (wrong - best)


def test_it_works_where_it_was_not_trained_on_longer_trajectories_and_with_gaps(rotated):
    truth, belief, method = rotated
    longer = truth.believed(n_steps=80)
    believed = belief.believed(n_steps=80)
    assert error(method, longer) < 0.5 * error(KalmanSmoother(believed), longer)
    gaps = truth.believed(missing_probability=0.1)
    assert error(method, gaps) < error(KalmanSmoother(belief), gaps)


def test_where_states_are_ten_times_as_large_so_are_corrections(rotated):
    """Without the scale c its bounded units would stop following."""
    truth, _, method = rotated
    test = pairs(truth, 100, "test", 101)
    with torch.no_grad():
        first, *_, last = method.iterates(100 * test.x)
        first_10, *_, last_10 = method.iterates(1000 * test.x)
    torch.testing.assert_close(last_10 - first_10, 10 * (last - first), rtol=0.2, atol=50.0)
