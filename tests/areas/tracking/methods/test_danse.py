"""DANSE: its rule against an observer, its likelihood against a library, and what it learns."""

import dataclasses
import math

import numpy as np
import pytest
import scipy.stats
import torch
from areas.tracking.linear_systems import CANONICAL, SYSTEMS
from areas.tracking.stacks import assert_a_stack_is_each_of_its_fits, pairs

from mbdl_repro.areas.tracking.kalman.linear_filter import linear_filter, linear_model
from mbdl_repro.areas.tracking.kalman.updates import kalman_gain
from mbdl_repro.areas.tracking.methods.danse import Danse
from mbdl_repro.areas.tracking.methods.supervised_danse import SupervisedDanse
from mbdl_repro.areas.tracking.systems.lorenz import Lorenz
from mbdl_repro.contract.seeding import torch_rng_for
from mbdl_repro.learning.recipe import Recipe

TRUTH = CANONICAL.believed(noise_ratio_db=-10.0, noise_std=1.0)
UNKNOWN = TRUTH.believed(transition=None, noise_ratio_db=None)
KINDS = [Danse, SupervisedDanse]
every_kind = pytest.mark.parametrize("kind", KINDS, ids=[kind.name for kind in KINDS])


def drawn(kind, belief, **settings):
    """One whose weights are all random."""
    method = kind(belief, hidden_size=5, **settings)
    method.initialize(pairs(TRUTH, 20, "train"), torch_rng_for("fit"))
    with torch.no_grad():
        method.output.weight.normal_(generator=torch_rng_for("output"))
    return method


@every_kind
@pytest.mark.parametrize("measured", [False, True])
def test_unfitted_it_is_an_observer_of_states_that_stay(kind, measured):
    """A filter with F = I whose gain is that of the variance u² before each observation."""
    belief = UNKNOWN.believed(initial_state=(2.0, -1.0))
    method = kind(belief)
    if measured:
        method.initialize(pairs(TRUTH, 20, "train"), torch_rng_for("fit"))
    x = pairs(TRUTH, 5, "test").x
    model = linear_model(TRUTH.believed(transition=((1.0, 0.0), (0.0, 1.0))))
    K = kalman_gain(method.step_unit.square().diag(), model.H, model.W)
    expected = linear_filter(x, K, model._replace(mean_0=method.mean_0))
    torch.testing.assert_close(method(x), expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_the_likelihood_is_that_of_a_library(missing):
    truth = dataclasses.replace(SYSTEMS["more seen than there is"], observation=None)
    H = np.random.default_rng(0).standard_normal((4, 2))
    belief = dataclasses.replace(
        truth, observation=tuple(map(tuple, H.tolist())), observation_noise="isotropic",
        transition=None, process_noise="isotropic",
    )  # fmt: skip
    method = Danse(belief, hidden_size=5)
    with torch.no_grad():
        method.unit.draw(torch_rng_for("unit"))
        method.output.weight.normal_(generator=torch_rng_for("output"))
        x = torch.randn(3, 7, 4, generator=torch_rng_for("x"), dtype=torch.float64)
        x[torch.rand(x.shape, generator=torch_rng_for("gaps")) < missing] = torch.nan
        states, innovations, variances = method.follow(x)
        found = method.negative_log_likelihood(x)
    for row in range(3):
        total, s = 0.0, np.zeros(2) + method.mean_0.numpy()
        for t in range(7):
            seen = ~x[row, t].isnan().numpy()
            P, e = np.diag(variances[row, t]), innovations[row, t].numpy()[seen]
            S = H[seen] @ P @ H[seen].T + belief.W[np.ix_(seen, seen)]
            if seen.any():
                total -= scipy.stats.multivariate_normal(cov=S).logpdf(e)
            prior = x[row, t].numpy()[seen] - e  # H p, of which the update makes the next state
            moved = states[row, t].numpy() - P @ H[seen].T @ np.linalg.solve(S, e)
            np.testing.assert_allclose(H[seen] @ moved, prior, rtol=1e-8, atol=1e-9)
        assert np.isfinite(s).all()
        assert found[row].item() == pytest.approx(total, rel=1e-10)


@every_kind
def test_no_estimate_sees_what_comes_after_it_and_no_prior_what_it_is_for(kind):
    method = drawn(kind, UNKNOWN)
    x = pairs(TRUTH, 3, "test").x
    other = x.clone()
    other[:, 8] += 1
    with torch.no_grad():
        ours, theirs = method.follow(x), method.follow(other)
    assert torch.equal(ours.states[:, :8], theirs.states[:, :8])
    assert torch.equal(ours.variances[:, :9], theirs.variances[:, :9])
    assert not torch.equal(ours.states[:, 8], theirs.states[:, 8])
    assert not torch.equal(ours.variances[:, 9], theirs.variances[:, 9])


@every_kind
def test_a_trajectory_of_which_nothing_is_seen_is_answered(kind):
    method = drawn(kind, UNKNOWN)
    x = torch.full((2, 5, 2), math.nan, dtype=torch.float64)
    with torch.no_grad():
        assert method(x).isfinite().all()
        assert method.negative_log_likelihood(x).tolist() == [0.0, 0.0]


@every_kind
def test_a_stack_of_fits_is_each_of_them(kind):
    assert_a_stack_is_each_of_its_fits(lambda: kind(UNKNOWN, hidden_size=4), TRUTH)


@every_kind
def test_it_learns_how_states_move(kind):
    method = kind(UNKNOWN, hidden_size=12)
    train, validation = pairs(TRUTH, 100, "train"), pairs(TRUTH, 50, "validation")
    test = pairs(TRUTH, 300, "test")
    method.initialize(train, torch_rng_for("fit"))

    def error():
        with torch.no_grad():
            return (method(test.x) - test.s).square().mean().item()

    before = error()
    recipe = Recipe(learning_rate=0.02, steps=60, batch_size=50, clip_norm=1.0, validate_every=20)
    method.fit(train, validation, recipe, torch_rng_for("fit"))
    assert error() < 0.85 * before


def test_what_it_cannot_do_is_refused():
    with pytest.raises(ValueError, match="varies"):
        Danse(SYSTEMS["varying"])
    with pytest.raises(ValueError, match="not linear"):
        Danse(Lorenz(n_steps=5, noise_std=1.0, process_noise_std=1.0))
    with pytest.raises(ValueError, match="observation"):
        Danse(TRUTH.believed(observation=None))
