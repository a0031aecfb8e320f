"""KalmanNet fitted to observations alone."""

import numpy as np
import pytest
import torch

from mbdl_repro.areas.tracking.kalman.linear_filter import kalman_gains, linear_filter, linear_model
from mbdl_repro.areas.tracking.methods.unsupervised_kalmannet import UnsupervisedKalmannet
from mbdl_repro.areas.tracking.systems.linear_state_space import LinearStateSpace
from mbdl_repro.contract.scenario import Split
from mbdl_repro.learning.recipe import Recipe

TRUTH = LinearStateSpace(transition="canonical", process_noise_std=0.3, noise_std=0.3, n_steps=15)
RECIPE = Recipe(steps=40, batch_size=100, learning_rate=2e-2, clip_norm=1.0, precision="single")


def pairs(n, *stream):
    return Split(*(torch.from_numpy(part) for part in TRUTH.draw(n, *stream)))


def fitted(train, validation, recipe=RECIPE):
    method = UnsupervisedKalmannet(TRUTH, input_multiplier=2, output_multiplier=2)
    method.fit(train, validation, recipe, torch.Generator().manual_seed(0))
    return method


def test_a_fit_never_sees_a_state():
    recipe = RECIPE.model_copy(update={"steps": 5})
    train, validation = pairs(100, "train"), pairs(50, "validation")
    expected = fitted(train, validation, recipe).state_dict()
    train, validation = (Split(split.x, split.s * torch.nan) for split in (train, validation))
    blind = fitted(train, validation, recipe).state_dict()
    assert all(torch.equal(blind[name], tensor) for name, tensor in expected.items())


def test_its_loss_is_of_predictions_from_the_past():
    method, (x, s) = UnsupervisedKalmannet(TRUTH), pairs(5, "test")
    x[2, 3, 1] = torch.nan
    with torch.no_grad():
        estimates, loss = method(x).numpy(), method.loss(x, s).item()
    before = np.concatenate((np.zeros((5, 1, 2)), estimates[:, :-1]), 1)
    expected = np.nansum((x.numpy() - TRUTH.h(TRUTH.f(before))) ** 2, (1, 2)).mean()
    assert loss == pytest.approx(expected, rel=1e-12)


def test_it_approaches_the_kalman_filter_all_the_same():
    method = fitted(pairs(1000, "train"), pairs(100, "validation"))
    test, model = pairs(1000, "test"), linear_model(TRUTH)
    gains, _ = kalman_gains(model, 15)
    best = (linear_filter(test.x, gains, model) - test.s).square().mean()
    with torch.no_grad():
        ours = (method(test.x) - test.s).square().mean()
    assert ours < 1.02 * best
