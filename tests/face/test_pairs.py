"""Pairs that do not fit a method, numbers that are none, and methods that nobody fitted."""

import copy

import numpy as np
import pytest
import torch
from contract.instances import FITS, built, every_learner, fitted_once

import mbdl_repro as mbdl
from mbdl_repro.face.pairs import never_fitted

LINEAR = mbdl.linear_estimation
TRUTH = LINEAR.LinearGaussian(
    n_signal=3, n_observations=4, observation_matrix="gaussian", noise_std=0.5
)
RECIPE = mbdl.Recipe(steps=5)


@every_learner
def test_a_method_knows_whether_it_was_fitted(info):
    assert never_fitted(built(info))
    fitted_once(info)
    assert not never_fitted(FITS[info.module][0])


def test_weights_that_are_loaded_count_as_fitted():
    method = LINEAR.BlackBox(TRUTH, hidden_widths=(4,))
    assert never_fitted(method)
    method.load_state_dict(copy.deepcopy(method.state_dict()))
    assert not never_fitted(method)
    assert not never_fitted(mbdl.load("5.06", "lista"))
    assert not never_fitted(LINEAR.LinearMMSE(TRUTH))


def test_what_was_never_fitted_is_not_compared():
    method = LINEAR.BlackBox(TRUTH, hidden_widths=(4,))
    with pytest.raises(ValueError, match=r"net is a BlackBox that was never fitted: .* Candidate"):
        mbdl.compare({"net": method}, TRUTH, seeds=1, n_test=10)
    found = mbdl.compare({"net": method.estimate}, TRUTH, seeds=1, n_test=10)
    assert len(found.table) == 1  # who says so means it
    mbdl.fit(method, TRUTH.draw(20, "train"), TRUTH.draw(10, "validation"), RECIPE)
    assert len(mbdl.compare({"net": method}, TRUTH, seeds=1, n_test=10).table) == 1


def pairs(n: int = 20) -> tuple[np.ndarray, np.ndarray]:
    x, s = TRUTH.draw(n, "own")
    return x.copy(), s.copy()


def test_pairs_of_ones_own_are_fitted_as_the_method_does():
    train, validation = mbdl.Split(*pairs(50)), mbdl.Split(*pairs(20))
    ours, theirs = (LINEAR.BlackBox(TRUTH, hidden_widths=(4,)) for _ in range(2))
    history = mbdl.fit(ours, train, validation, RECIPE, seed=3)
    again = theirs.fit(train, validation, RECIPE, torch.Generator().manual_seed(3))
    assert history == again
    np.testing.assert_array_equal(ours.estimate(train.x), theirs.estimate(train.x))


@pytest.mark.parametrize(
    ("train", "words"),
    [
        (lambda x, s: (x, s[:, :2]), r"of the training pairs, s has shape \(20, 2\): .*\(20, 3\)"),
        (lambda x, s: (x, s[..., None]), r"s has shape \(20, 3, 1\)"),
        (lambda x, s: (x, s[:7]), "x has 20 rows and s 7"),
        (lambda x, s: (x[:0], s[:0]), "x has 0 rows and s 0"),
        (lambda x, s: (x[:, :3], s), r"of the training pairs, x has shape \(2, 3\); BlackBox"),
        (
            lambda x, s: (x, np.where(np.arange(20)[:, None] < 3, np.nan, s)),
            "s holds .* in 3 of 20",
        ),
        (
            lambda x, s: (np.where(np.arange(20)[:, None] < 2, np.inf, x), s),
            "x holds Inf in 2 of 20",
        ),
        (
            lambda x, s: (np.where(np.arange(20)[:, None] == 9, np.nan, x), s),
            "x holds NaN in 1 of 20",
        ),
        (lambda x, s: x, r"training pairs should be Split\(x, s\)"),
    ],
)
def test_pairs_that_do_not_fit_are_named(train, words):
    method = LINEAR.BlackBox(TRUTH, hidden_widths=(4,))
    with pytest.raises(ValueError, match=words):
        mbdl.fit(method, train(*pairs()), pairs(), RECIPE)


def test_observations_may_be_missing_where_a_method_can_do_without():
    tracking = mbdl.tracking
    model = tracking.LinearStateSpace(transition="canonical", noise_std=1.0, noise_ratio_db=0.0,
                                      n_steps=5, missing_probability=0.2)  # fmt: skip
    train, validation = model.draw(20, "train"), model.draw(10, "validation")
    assert np.isnan(train.x).any()
    method = tracking.LearnedKalmanFilter(model)
    assert mbdl.fit(method, train, validation, RECIPE)


class Broken(LINEAR.LinearGaussian):
    """A scenario of one's own that draws what is no number."""

    name = "broken"

    def sample(self, n, rng):
        x, s = super().sample(n, rng)
        s[1] = np.nan
        return mbdl.Split(x, s)


def test_a_scenario_that_draws_what_is_no_number_is_named():
    truth = Broken(n_signal=3, n_observations=4, observation_matrix="gaussian", noise_std=0.5)
    with pytest.raises(
        ValueError, match=r"of the train pairs of seed 0, s holds .* in 1 of 20 rows"
    ):
        mbdl.compare([LINEAR.Discriminative], truth, n_train=20, seeds=1)


@pytest.mark.parametrize(("n_sources", "warns"), [(2, True), (3, False)])
def test_another_number_of_sources_than_was_trained_with_is_told(n_sources, warns, recwarn):
    belief = mbdl.scenario("5.10").believed(n_sources=n_sources)
    method = mbdl.load("5.10", "subspacenet_esprit", belief=belief)
    angles = mbdl.estimate(method, belief.draw(2, "test").x)
    assert angles.shape == (2, n_sources)
    told = [str(one.message) for one in recwarn]
    assert any("was trained with n_sources 3, and is told 2" in one for one in told) == warns
