"""The black box: its formula, the linear rule that it starts from, and what it learns beyond."""

import numpy as np
import pytest
import scipy.linalg
import torch
from sklearn.linear_model import Ridge

from mbdl_repro.areas.sparse_recovery.methods.fully_connected import RIDGES, FullyConnected
from mbdl_repro.areas.sparse_recovery.scenario import SparseRecovery
from mbdl_repro.contract.scenario import Split
from mbdl_repro.contract.seeding import torch_rng_for
from mbdl_repro.learning.recipe import Recipe

TRUTH = SparseRecovery(
    observation_matrix="unit_columns",
    n_observations=15,
    n_signal=20,
    n_nonzeros=2,
    nonzero_std=0.5,
    noise_std=0.01,
)
RECIPE = Recipe(
    optimizer="adamw",
    learning_rate=6e-3,
    weight_decay=0.3,
    steps=400,
    batch_size=256,
    precision="single",
)


def pairs(n, *stream):
    return Split(*map(torch.from_numpy, TRUTH.draw(n, *stream)))


def test_network_is_the_formula_in_its_docstring():
    network = FullyConnected(TRUTH, hidden_widths=(8, 6), activation="relu", input_scale=0.5)
    train = pairs(50, "train")
    network.initialize(train, torch_rng_for("formula"))
    weights = dict(network.named_parameters())
    with torch.no_grad():
        for parameter in weights.values():
            parameter.normal_(generator=torch_rng_for("formula", len(parameter)))
    L, W_1, b_1, W_2, b_2, W_3, b_3 = (
        weights[name].detach().numpy()
        for name in (
            "linear",
            *(f"network.{w}.{i}" for i in range(3) for w in ("weights", "offsets")),
        )
    )
    x = pairs(10, "test").x
    X = train.x.numpy()
    shrunk = X.T @ X / 50 + 0.03 * np.square(X).mean() * np.eye(15)
    z_0 = 0.5 * x.numpy() @ scipy.linalg.inv(scipy.linalg.sqrtm(shrunk))
    z_1 = np.maximum(z_0 @ W_1.T + b_1, 0)
    z_2 = np.maximum(z_1 @ W_2.T + b_2, 0)
    expected = z_0 @ L.T + z_2 @ W_3.T + b_3
    np.testing.assert_allclose(network(x).detach().numpy(), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("n_train", [5, 40])
def test_it_starts_at_the_ridge_regression_that_does_best_on_signals_left_out(n_train):
    """Each left out in turn, and the others fitted anew, by scikit-learn."""
    train = pairs(n_train, "train")
    X, S = (part.numpy() for part in train)

    def ridge(share, rows, n):
        model = Ridge(alpha=n * share * np.square(X).mean(), fit_intercept=False)
        return model.fit(X[rows], S[rows])

    def error_left_out(share):
        every = np.arange(n_train)
        return sum(
            np.square(S[i] - ridge(share, every != i, n_train).predict(X[i : i + 1])).sum()
            for i in every
        )

    best = min(RIDGES, key=error_left_out)
    network = FullyConnected(TRUTH, hidden_widths=(8,))
    network.initialize(train, torch_rng_for("start"))
    x = pairs(10, "test").x
    expected = ridge(best, slice(None), n_train).predict(x.numpy())
    np.testing.assert_allclose(network(x).detach().numpy(), expected, rtol=0, atol=1e-10)


def mean_error(estimate, split):
    return float((estimate - split.s).square().sum(1).mean())


def test_with_few_signals_it_falls_back_on_its_linear_start():
    train, validation, test = pairs(10, "train"), pairs(500, "validation"), pairs(2000, "test")
    start, network = (FullyConnected(TRUTH, hidden_widths=(64,)) for _ in range(2))
    start.initialize(train, torch_rng_for("fit"))
    network.fit(train, validation, RECIPE, torch_rng_for("fit"))
    with torch.no_grad():
        # Precision is single in the fit, and the best weights on validation are kept.
        assert network.loss(*validation) <= start.loss(*validation) * (1 + 1e-5)
        linear, error = (mean_error(method(test.x), test) for method in (start, network))
    assert error < 1.02 * linear
    assert linear < 1.02 * mean_error(torch.zeros_like(test.s), test)


def test_with_many_signals_no_linear_rule_is_half_as_good():
    train, validation, test = pairs(3000, "train"), pairs(500, "validation"), pairs(2000, "test")
    network = FullyConnected(TRUTH, hidden_widths=(64,))
    network.fit(train, validation, RECIPE, torch_rng_for("fit"))
    with torch.no_grad():
        error = mean_error(network(test.x), test)
    variance = TRUTH.sparsity * TRUTH.nonzero_std**2
    x_covariance = variance * TRUTH.H @ TRUTH.H.T + TRUTH.sigma**2 * np.eye(15)
    gain = variance * TRUTH.H.T @ np.linalg.inv(x_covariance)
    least_linear = 20 * variance - variance * np.trace(gain @ TRUTH.H)
    assert error < 0.5 * least_linear
