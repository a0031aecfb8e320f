"""Expectation maximization, beside the likelihood itself, maximized by another program."""

import dataclasses

import numpy as np
import pytest
import scipy.optimize
import torch
from areas.tracking.gaussian_oracle import Joint
from areas.tracking.linear_systems import CANONICAL, EXAMPLE_3_5, SYSTEMS

from mbdl_repro.areas.tracking.kalman.exact_error import linear_filter_error, matched_rule
from mbdl_repro.areas.tracking.kalman.model import LinearModel, LinearRule, linear_arrays
from mbdl_repro.areas.tracking.methods.em_kalman_filter import EmKalmanFilter
from mbdl_repro.contract.method import Split
from mbdl_repro.contract.seeding import torch_rng_for
from mbdl_repro.learning.recipe import Recipe
from mbdl_repro.learning.training import TrainingDivergedError


def drawn(truth, n, missing=0.0, *stream):
    x, s = truth.draw(n, "train", *stream)
    x[np.random.default_rng(5).random(x.shape) < missing] = np.nan
    return Split(torch.from_numpy(x), torch.from_numpy(s))


def fitted(truth, train, **settings):
    method = EmKalmanFilter(truth, **settings)
    history = method.fit(train, train, Recipe(), torch_rng_for("fit"))
    return method, history


@pytest.mark.parametrize("missing", [0.0, 0.4])
@pytest.mark.parametrize("learn", ["process", "observation", "both"])
@pytest.mark.parametrize("name", ["random start", "rank one", "varying"])
def test_the_likelihood_never_falls(name, learn, missing):
    truth = SYSTEMS[name]
    _, history = fitted(truth, drawn(truth, 10, missing), learn=learn, iterations=4)
    losses = np.array([row["train_loss"] for row in history])
    assert (np.diff(losses) < 1e-10 * np.abs(losses[1:])).all()
    assert losses[-1] < losses[0] - 0.01


@pytest.mark.parametrize("missing", [0.0, 0.3])
@pytest.mark.parametrize("learn", ["process", "observation", "both"])
def test_it_reaches_the_greatest_likelihood(learn, missing):
    truth = dataclasses.replace(SYSTEMS["one entry"], initial_std=0.5)
    train = drawn(truth, 12, missing)
    learned = {"process": "V", "observation": "W", "both": "VW"}[learn]

    def loss(logarithms):
        model = linear_arrays(truth)._replace(
            **{k: np.exp([[value]]) for k, value in zip(learned, logarithms, strict=True)}
        )
        joint = Joint(model, 7)
        return -np.mean([joint.log_likelihood(row) for row in train.x.numpy()])

    best = scipy.optimize.minimize(loss, [0.0] * len(learned), method="Nelder-Mead", tol=1e-10)
    method, history = fitted(truth, train, learn=learn, iterations=15, initial_process_variance=3.0)
    assert history[-1]["train_loss"] == pytest.approx(best.fun, abs=1e-7)
    model = method.current_model()
    for k, value in zip(learned, best.x, strict=True):
        assert getattr(model, k).item() == pytest.approx(np.exp(value), rel=1e-3)


def test_missing_entries_of_correlated_noise_are_filled_in_by_the_rest():
    """The maximum of the likelihood of the seen entries, in all directions of V and W."""
    truth = dataclasses.replace(
        CANONICAL, n_steps=4, observation_noise=((1.0, 0.8), (0.8, 1.0)), initial_std=0.1
    )
    train = drawn(truth, 40, 0.3)
    method, _ = fitted(truth, train, learn="both", iterations=60, initial_process_variance=0.01,
                       initial_observation_variance=0.01)  # fmt: skip
    model = method.current_model()
    for name in ("V", "W"):
        root = torch.linalg.cholesky(getattr(model, name).detach()).requires_grad_()
        x = train.x.numpy()

        def value(L, name=name, x=x):
            arrays = {k: v.detach().numpy() for k, v in model._asdict().items()}
            joint = Joint(LinearModel(**{**arrays, name: L @ L.T}), 4)
            return np.mean([joint.log_likelihood(row) for row in x])

        L = root.detach().numpy()
        for i, j in ((0, 0), (1, 0), (1, 1)):
            step = np.zeros((2, 2))
            step[i, j] = 1e-4 * np.abs(L).max()
            slope = (value(L + step) - value(L - step)) / (2 * step[i, j])
            curvature = (value(L + step) - 2 * value(L) + value(L - step)) / step[i, j] ** 2
            assert curvature < 0
            # The way to the top, by Newton's step, is a small part of the root itself.
            assert abs(slope / curvature) < 3e-3 * np.abs(L).max(), (name, i, j)


def test_from_twenty_trajectories_the_filter_is_almost_the_best():
    """Example 5.2: V of rank one, from 20 trajectories, no state of which is seen."""
    method, _ = fitted(EXAMPLE_3_5, drawn(EXAMPLE_3_5, 20), iterations=8)
    truth = linear_arrays(EXAMPLE_3_5)
    rule = LinearRule(*(part.detach().numpy() for part in method.linear_rule(200)))
    best = linear_filter_error(truth, matched_rule(truth, 200))[:, 0].mean()
    error = linear_filter_error(truth, rule)[:, 0].mean()
    assert best < error < 1.05 * best


def test_a_constant_matrix_is_kept_as_it_is_believed():
    truth = CANONICAL
    method, _ = fitted(truth, drawn(truth, 10), learn="process", iterations=3)
    model, given = method.current_model(), linear_arrays(truth)
    np.testing.assert_array_equal(model.W, given.W)
    assert set(dict(method.named_parameters())) == {"roots.V"}


def test_of_all_iterations_the_best_on_validation_is_kept():
    truth = dataclasses.replace(CANONICAL, n_steps=5)
    method = EmKalmanFilter(truth, learn="both", iterations=60)
    validation = drawn(truth, 200, 0.0, 1)
    history = method.fit(drawn(truth, 1), validation, Recipe(), torch_rng_for("fit"))
    losses = [row["validation_loss"] for row in history]
    assert np.argmin(losses) < 60  # one short trajectory: it would go too far
    assert method.loss(*validation).item() == pytest.approx(min(losses), rel=1e-12)


def test_an_infinite_observation_is_named_as_what_ends_the_fit():
    train = drawn(CANONICAL, 5)
    train.x[2, 3] = torch.inf
    with pytest.raises(TrainingDivergedError, match="V became infinite, or no number"):
        fitted(CANONICAL, train)
