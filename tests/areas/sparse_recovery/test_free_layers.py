"""Networks of free layers: what they are at the start, and what theory says of them."""

import numpy as np
import pytest
import torch

from mbdl_repro.areas.sparse_recovery.free_layers import (
    SINGULAR,
    linear_complexity,
    tangent_condition,
)
from mbdl_repro.areas.sparse_recovery.methods.ista import Ista
from mbdl_repro.areas.sparse_recovery.methods.ista_network import IstaNetwork
from mbdl_repro.areas.sparse_recovery.methods.relu_network import ReluNetwork
from mbdl_repro.areas.sparse_recovery.metrics import (
    absolute_gap,
    gap_bound,
    generalization_gap,
    training_error,
)
from mbdl_repro.areas.sparse_recovery.scenario import SparseRecovery
from mbdl_repro.areas.sparse_recovery.updates.gradient_steps import lipschitz_constant
from mbdl_repro.areas.sparse_recovery.updates.thresholding import (
    smooth_soft_threshold,
    soft_threshold,
)
from mbdl_repro.learning.recipe import Recipe

TRUTH = SparseRecovery(
    observation_matrix="unit_columns",
    n_observations=5,
    n_signal=8,
    n_nonzeros=2,
    nonzero_std=1.0,
    noise_std=0.05,
)
RECIPE = Recipe(learning_rate=0.01, steps=60, batch_size=20, validate_every=10)


def pairs(n, seed):
    return TRUTH.sample(n, np.random.default_rng(seed))


def test_from_its_start_it_is_ista():
    threshold = 0.03
    network = IstaNetwork(TRUTH, iterations=6, threshold=threshold)
    rho = threshold * lipschitz_constant(torch.tensor(TRUTH.H))
    ista = Ista(TRUTH, iterations=6, rho=rho)
    x = pairs(50, 0).x
    for ours, theirs in zip(
        network.iterates(torch.tensor(x)), ista.iterates(torch.tensor(x)), strict=True
    ):
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)


def test_the_layers_of_rectifiers_are_those_of_ista_where_nothing_is_negative():
    x = torch.tensor(pairs(50, 0).x)
    relu = ReluNetwork(TRUTH, iterations=1)
    (_, linear) = IstaNetwork(TRUTH, iterations=1, threshold=0.0).iterates(x)
    torch.testing.assert_close(relu(x), linear.clamp_min(0))


def test_a_smooth_threshold_tends_to_the_threshold_and_is_odd():
    z = torch.linspace(-1, 1, 201, dtype=torch.float64)
    for sharpness, off in ((10.0, 0.07), (1000.0, 7e-4)):
        smooth = smooth_soft_threshold(z, 0.3, sharpness)
        torch.testing.assert_close(smooth, -smooth_soft_threshold(-z, 0.3, sharpness))
        assert (smooth - soft_threshold(z, 0.3)).abs().max() < off  # (log 2) / sharpness


@pytest.mark.parametrize("network", [IstaNetwork(TRUTH, threshold=0.02), ReluNetwork(TRUTH)])
def test_the_gap_is_test_less_training_error_and_below_its_bound(network):
    train, test = pairs(40, 1), pairs(500, 2)
    network.fit(train, pairs(10, 3), RECIPE)
    off = network.estimate(train.x) - train.s
    assert training_error(network) == pytest.approx(np.square(off).sum(1).mean(), rel=1e-9)
    estimate = network.estimate(test.x)
    at_test = np.square(estimate - test.s).sum(1)
    gap = generalization_gap(estimate, test, network)
    np.testing.assert_allclose(at_test - gap, training_error(network))
    assert 0 < absolute_gap(estimate, test, network).mean() < gap_bound(network)


def test_a_fit_stops_for_no_validation():
    """It keeps the weights of the least training error, whatever signals choose elsewhere."""
    train = pairs(20, 1)
    one, other = IstaNetwork(TRUTH, threshold=0.02), IstaNetwork(TRUTH, threshold=0.02)
    one.fit(train, pairs(10, 3), RECIPE)
    other.fit(train, pairs(10, 4), RECIPE)
    torch.testing.assert_close(one.W, other.W, rtol=0, atol=0)


def test_what_was_not_fitted_has_no_gap():
    network = IstaNetwork(TRUTH, threshold=0.02)
    test = pairs(5, 2)
    assert training_error(network) is None
    assert generalization_gap(network.estimate(test.x), test, network) is None


def test_the_bound_of_one_layer_is_its_norm_times_the_complexity():
    train = pairs(30, 1)
    network = IstaNetwork(TRUTH, iterations=1, threshold=0.02)
    network.fit(train, train, RECIPE.model_copy(update={"steps": 1}))
    norm = network.W[0].abs().sum(1).max().item()
    x = torch.tensor(train.x)
    assert network.gap_bound() == pytest.approx(2 * norm * linear_complexity(x))
    relu = ReluNetwork(TRUTH, iterations=1)
    relu.fit(train, train, RECIPE.model_copy(update={"steps": 1}))
    factors = relu.W[0].abs().sum(1).max() * relu.A.abs().sum(1).max()
    assert relu.gap_bound() == pytest.approx(4 * factors.item() * linear_complexity(x))


def test_the_complexity_bounds_the_mean_over_signs():
    x = torch.tensor(pairs(30, 1).x)
    signs = 2 * torch.randint(0, 2, (4000, 30), generator=torch.Generator().manual_seed(0)) - 1
    largest = (signs.double() @ x / 30).abs().amax(1)
    slack = 4 * largest.std() / len(signs) ** 0.5
    assert 0.3 * linear_complexity(x) < largest.mean() - slack
    assert largest.mean() + slack < linear_complexity(x)


def test_the_tangent_kernel_is_that_of_finite_differences():
    network = IstaNetwork(TRUTH, iterations=2, start="random", threshold=0.1, sharpness=5.0)
    train = pairs(3, 1)
    network.initialize(
        type(train)(torch.tensor(train.x), torch.tensor(train.s)), torch.Generator().manual_seed(1)
    )
    x = torch.tensor(train.x)
    columns = []
    for parameter in network.parameters():
        flat = parameter.data.view(-1)
        for i in range(len(flat)):
            answers = []
            for sign in (1, -1):
                flat[i] += sign * 1e-6
                answers.append(network(x).detach().flatten())
                flat[i] -= sign * 1e-6
            columns.append((answers[0] - answers[1]) / 2e-6)
    J = torch.stack(columns, 1)
    eigenvalues = torch.linalg.eigvalsh(J @ J.mT)
    expected = (eigenvalues[-1] / eigenvalues[0]).item()
    assert tangent_condition(network, x) == pytest.approx(expected, rel=1e-4)


def test_more_answers_than_weights_are_never_all_reached():
    network = IstaNetwork(TRUTH, iterations=1, start="random", threshold=0.1, sharpness=5.0)
    x = torch.tensor(pairs(6, 1).x)  # 48 answers of 40 weights
    assert tangent_condition(network, x) == SINGULAR
    # With random weights, and no more rows than entries of x, all answers of a layer are reached.
    network.initialize(type(pairs(1, 1))(x, x), torch.Generator().manual_seed(1))
    assert tangent_condition(network, x[:5]) < 1e6


def test_where_the_first_layer_alone_sees_x_there_are_as_many_matrices_fewer():
    whole, first = (
        IstaNetwork(TRUTH, iterations=3, threshold=0.1, start="random", skips=skips)
        for skips in (True, False)
    )
    assert whole.W.shape == (3, 8, 5)
    assert first.W.shape == (1, 8, 5)
    assert whole.S.shape == first.S.shape == (2, 8, 8)
