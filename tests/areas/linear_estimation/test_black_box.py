"""The network: its gradients, its training side by side, and what it learns."""

import copy

import numpy as np
import pytest
import scipy.linalg
import torch
from torch import Tensor

from mbdl_repro.areas.linear_estimation.bounds import minimum_mean_squared_error
from mbdl_repro.areas.linear_estimation.methods.black_box import BlackBox
from mbdl_repro.areas.linear_estimation.methods.discriminative import Discriminative
from mbdl_repro.areas.linear_estimation.methods.generative import Generative
from mbdl_repro.areas.linear_estimation.methods.linear_mmse import LinearMMSE
from mbdl_repro.areas.linear_estimation.scenario import LinearGaussian
from mbdl_repro.contract.method import Method, Split
from mbdl_repro.contract.seeding import torch_rng_for
from mbdl_repro.learning.recipe import Recipe
from mbdl_repro.learning.training import gradient_descent

SMALL = LinearGaussian(n_signal=3, n_observations=5, observation_matrix="gaussian")


def pairs(truth: LinearGaussian, n: int, *stream: object) -> Split:
    """Return pairs of the truth, as tensors."""
    return Split(*(torch.from_numpy(part) for part in truth.draw(n, *stream)))


def test_network_is_the_formula_in_its_docstring() -> None:
    network = BlackBox(SMALL, hidden_widths=(8, 6), activation="relu", input_scale=0.5)
    train = pairs(SMALL, 50, "train")
    network.initialize(train, torch_rng_for("formula"))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.normal_(generator=torch_rng_for("formula"))
    W_1, W_2, W_3, b_1, b_2, b_3 = (p.detach().numpy() for p in network.parameters())
    x = pairs(SMALL, 10, "test").x
    # The whitener is the one symmetric matrix whose inverse squared is the shrunk covariance.
    covariance = np.cov(train.x.numpy().T)
    shrunk = covariance + 0.03 * np.trace(covariance) / 5 * np.eye(5)
    z_0 = (x.numpy() - train.x.numpy().mean(0)) @ scipy.linalg.inv(scipy.linalg.sqrtm(shrunk))
    z_1 = np.maximum(0.5 * z_0 @ W_1.T + b_1, 0)
    z_2 = np.maximum(z_1 @ W_2.T + b_2, 0)
    np.testing.assert_allclose(network(x).detach().numpy(), z_2 @ W_3.T + b_3, rtol=1e-9)


@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_gradients(activation: str) -> None:
    network = BlackBox(SMALL, hidden_widths=(4, 4), activation=activation)
    x, s = pairs(SMALL, 6, "train")
    network.initialize(Split(x, s), torch_rng_for("gradients"))
    names = [name for name, _ in network.named_parameters()]

    def loss(*weights: Tensor) -> Tensor:
        state = dict(zip(names, weights, strict=True))
        return (torch.func.functional_call(network, state, (x,)) - s).square().sum(1).mean()

    assert torch.autograd.gradcheck(loss, tuple(network.parameters()))
    network.loss(x, s).backward()
    assert all(parameter.grad.any() for parameter in network.parameters())


def test_training_together_equals_training_apart() -> None:
    recipe = Recipe(learning_rate=0.03, steps=30, batch_size=16, validate_every=10)
    together = [BlackBox(SMALL, hidden_widths=(8,)) for _ in range(3)]
    apart = copy.deepcopy(together)
    trains = [pairs(SMALL, 40, "train", seed) for seed in range(3)]
    validations = [pairs(SMALL, 30, "validation", seed) for seed in range(3)]

    def rngs() -> list[torch.Generator]:
        return [torch_rng_for("fit", seed) for seed in range(3)]

    histories = gradient_descent(together, trains, validations, recipe, rngs())
    for i, rng in enumerate(rngs()):
        history = apart[i].fit(trains[i], validations[i], recipe, rng)
        assert [row["step"] for row in history] == [0, 10, 20, 30]
        for row, row_together in zip(history[1:], histories[i][1:], strict=True):
            assert row_together == pytest.approx(row, rel=1e-9)
        assert history[-1]["validation_loss"] < history[0]["validation_loss"]
        for weight, weight_together in zip(
            apart[i].parameters(), together[i].parameters(), strict=True
        ):
            torch.testing.assert_close(weight_together, weight, rtol=1e-8, atol=1e-10)
    for other in together[1:]:
        assert not torch.allclose(other.network.weights[0], together[0].network.weights[0])


def test_it_learns_but_does_not_beat_the_floor() -> None:
    truth = LinearGaussian()
    recipe = Recipe(
        learning_rate=0.03, steps=150, batch_size=32, precision="single", validate_every=25
    )
    network = BlackBox(truth.believed(observation_matrix=None, signal_covariance=None))
    train, validation = pairs(truth, 97, "train"), pairs(truth, 100, "validation")
    network.fit(train, validation, recipe, torch_rng_for("fit"))
    x, s = pairs(truth, 2000, "test")
    with torch.no_grad():
        errors = (network(x) - s).square().sum(1)
    standard_error = (errors.std() / len(errors) ** 0.5).item()
    signal_energy = np.trace(truth.covariance)
    assert minimum_mean_squared_error(truth) < errors.mean() - 4 * standard_error
    assert errors.mean() + 4 * standard_error < signal_energy / 4


@pytest.mark.parametrize("method_class", [LinearMMSE, Discriminative, Generative, BlackBox])
def test_a_row_alone_equals_that_row_in_a_batch(method_class: type[Method]) -> None:
    method = method_class(SMALL)
    if method_class.family.learns:
        train = pairs(SMALL, 40, "train")
        method.fit(train, train, Recipe(steps=5), torch_rng_for("fit"))
    x = pairs(SMALL, 20, "test").x
    with torch.no_grad():
        batch = method(x)
        assert batch.any()
        torch.testing.assert_close(torch.cat([method(row[None]) for row in x]), batch)
