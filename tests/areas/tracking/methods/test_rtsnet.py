"""RTSNet: fixed gains against recursions written out, and against the Kalman smoother."""

import math

import numpy as np
import pytest
import torch
from areas.tracking.linear_systems import CANONICAL
from areas.tracking.stacks import assert_a_stack_is_each_of_its_fits, pairs

from mbdl_repro.areas.tracking.kalman.linear_filter import linear_model, steady_state
from mbdl_repro.areas.tracking.methods.kalman_smoother import KalmanSmoother
from mbdl_repro.areas.tracking.methods.kalmannet import Kalmannet
from mbdl_repro.areas.tracking.methods.rtsnet import Rtsnet
from mbdl_repro.areas.tracking.systems.lorenz import Lorenz
from mbdl_repro.contract.seeding import torch_rng_for
from mbdl_repro.learning.recipe import Recipe

TRUTH = CANONICAL.believed(noise_ratio_db=-10.0, noise_std=1.0)
SMALL = {"input_multiplier": 1, "output_multiplier": 1, "hidden_multiplier": 1}
both = pytest.mark.parametrize("magnitudes", [False, True])


def random_weights(method):
    method.initialize(pairs(TRUTH, 20, "train"), torch_rng_for("fit"))
    with torch.no_grad():
        for last in (method.network.last, method.backwards.last):
            last.weight.normal_(generator=torch_rng_for("last")).mul_(0.1)
    return method


def test_unfitted_its_gains_are_fixed():
    x = pairs(TRUTH, 3, "test").x
    with torch.no_grad():
        answer = Rtsnet(TRUTH, initial_gain=0.4, **SMALL)(x).numpy()
    F, H = TRUTH.F, TRUTH.H
    K, G = 0.4 * np.linalg.inv(H), 0.4 * np.linalg.inv(F)
    for row, observed in enumerate(x.numpy()):
        states = [np.zeros(2)]
        for x_t in observed:
            ahead = F @ states[-1]
            states.append(ahead + K @ (x_t - H @ ahead))
        later = states[-1]
        for t in range(len(observed), 0, -1):
            if t < len(observed):
                later = states[t] + G @ (later - F @ states[t])
            np.testing.assert_allclose(answer[row, t - 1], later, rtol=1e-9, atol=1e-10)


def test_with_the_gains_of_the_limit_it_is_the_kalman_smoother_far_from_both_ends():
    truth = TRUTH.believed(n_steps=80)
    model = linear_model(truth)
    K, P = steady_state(model)
    G = P @ model.F.mT @ torch.linalg.inv(model.F @ P @ model.F.mT + model.V)
    method = Rtsnet(truth, **SMALL)
    with torch.no_grad():
        method.network.last.bias.copy_(K.flatten())
        method.backwards.last.bias.copy_(G.flatten())
        x = pairs(truth, 5, "test").x
        ours, theirs = method(x), KalmanSmoother(truth)(x)
    torch.testing.assert_close(ours[:, 30:50], theirs[:, 30:50], rtol=1e-3, atol=1e-3)
    assert not torch.allclose(ours[:, :3], theirs[:, :3], rtol=1e-3, atol=1e-3)


@both
def test_at_the_end_it_is_kalmannet(magnitudes):
    method = random_weights(Rtsnet(TRUTH, magnitudes=magnitudes, **SMALL))
    settings = {name: SMALL[name] for name in ("input_multiplier", "output_multiplier")}
    forwards = Kalmannet(TRUTH, magnitudes=magnitudes, **settings)
    state = {name: method.state_dict()[name] for name in forwards.state_dict()}
    forwards.load_state_dict(state)
    x = pairs(TRUTH, 4, "test").x
    with torch.no_grad():
        torch.testing.assert_close(method(x)[:, -1], forwards(x)[:, -1])
        assert not torch.allclose(method(x)[:, :-1], forwards(x)[:, :-1], rtol=1e-2)
        torch.testing.assert_close(method(x[:, :1]), forwards(x[:, :1]))  # nothing follows


def test_directions_alone_make_no_difference_between_units():
    method = random_weights(Rtsnet(TRUTH, **SMALL))
    x = pairs(TRUTH, 4, "test").x
    with torch.no_grad():
        torch.testing.assert_close(method(100 * x), 100 * method(x), rtol=1e-5, atol=1e-5)


def test_a_fit_starts_from_the_best_fixed_gains():
    train = pairs(TRUTH, 100, "train")
    method = Rtsnet(TRUTH, **SMALL)
    method.initialize(train, torch_rng_for("fit"))
    lasts = method.network.last, method.backwards.last
    K, G = (last.bias.detach().clone().unflatten(0, (2, 2)) for last in lasts)
    errors = {}
    with torch.no_grad():
        unit = method.unit_of_loss.item()
        assert method.loss(*train).item() == pytest.approx(1.0)
        for factor in (0.5, 1.0, 1.5):
            method.backwards.last.bias.copy_((factor * G).flatten())
            errors[factor] = method.loss(*train).item()
        assert min(errors, key=errors.get) == 1.0
    torch.testing.assert_close(K, K[0, 0] * torch.eye(2, dtype=K.dtype))  # κ H⁺
    assert unit < (train.x - train.s).square().sum((1, 2)).mean()


@both
def test_a_stack_of_fits_is_each_of_them(magnitudes):
    assert_a_stack_is_each_of_its_fits(lambda: Rtsnet(TRUTH, magnitudes=magnitudes, **SMALL), TRUTH)


def test_where_h_is_rotated_it_learns_more_than_the_smoother_knows():
    truth = TRUTH.believed(observation_rotation_rad=math.radians(15))
    method = Rtsnet(TRUTH, output_multiplier=4)
    recipe = Recipe(
        learning_rate=0.02, steps=60, batch_size=50, clip_norm=0.3, validate_every=20,
        precision="single",
    )  # fmt: skip
    train, validation = pairs(truth, 200, "train"), pairs(truth, 50, "validation")
    method.fit(train, validation, recipe, torch_rng_for("fit"))
    test = pairs(truth, 300, "test")
    with torch.no_grad():
        ours, wrong = (
            (one(test.x) - test.s).square().mean() for one in (method, KalmanSmoother(TRUTH))
        )
    assert ours < 0.9 * wrong


def test_it_smooths_what_is_not_linear_and_has_gaps():
    truth = Lorenz(process_noise_std=0.1, noise_std=0.5, n_steps=20, missing_probability=0.2)
    method = Rtsnet(truth, **SMALL)
    method.initialize(pairs(truth, 50, "train"), torch_rng_for("fit"))
    test = pairs(truth, 100, "test")
    with torch.no_grad():
        filtered = method.track(test.x).states
        ours, forwards = ((s - test.s).square().mean() for s in (method(test.x), filtered))
    assert ours < forwards
