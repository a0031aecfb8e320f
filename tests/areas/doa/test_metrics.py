"""Errors of angles against the least over all assignments, tried one by one."""

import itertools

import numpy as np
import pytest
import torch

from mbdl_repro.areas.doa.methods.root_music import RootMusic
from mbdl_repro.areas.doa.metrics import (
    GUESSED,
    eigenvalue_ratio,
    eigenvalue_spread,
    mspe,
    not_resolved,
    rmspe,
    squared_errors,
    wrong_count,
)
from mbdl_repro.areas.doa.scenario import Narrowband
from mbdl_repro.contract.scenario import Split

TRUTH = Narrowband(n_sources=2, n_snapshots=3, snr_db=10.0)
RNG = np.random.default_rng(0)


def wrapped(angle: float) -> float:
    return float(np.arctan2(np.sin(2 * angle), np.cos(2 * angle)) / 2)


def brute_force(estimate: np.ndarray, s: np.ndarray) -> float:
    """Return the least mean over all assignments; what lacks, or is too much, costs as a guess."""
    given = [float(e) for e in estimate if not np.isnan(e)]
    given += [np.nan] * max(0, len(s) - len(given))
    costs = [
        sum(GUESSED if np.isnan(e) else wrapped(e - a) ** 2 for e, a in zip(chosen, s))
        for chosen in itertools.permutations(given, len(s))
    ]
    too_many = max(0, len(given) - len(s))
    return (min(costs) + too_many * GUESSED) / (len(s) + too_many)


@pytest.mark.parametrize(("M", "K"), [(1, 1), (2, 2), (3, 3), (5, 5), (3, 2), (2, 5), (3, 7)])
def test_the_assignment_is_the_best_of_all(M, K):
    s = np.sort(RNG.uniform(-np.pi / 2, np.pi / 2, (60, M)), axis=1)
    estimate = RNG.uniform(-np.pi, np.pi, (60, K))
    estimate[RNG.random((60, K)) < 0.15] = np.nan
    ours = mspe(estimate, Split(None, s), TRUTH)
    np.testing.assert_allclose(ours, [brute_force(e, a) for e, a in zip(estimate, s)], rtol=1e-9)


def test_each_source_has_its_own_error_in_any_order():
    s = np.array([[0.4, -0.5, 1.0]])
    estimate = np.array([[1.1, 0.4, -0.8]])
    np.testing.assert_allclose(squared_errors(estimate, s), [[0.0, 0.09, 0.01]], atol=1e-15)


def test_end_fire_is_the_same_on_both_sides():
    s, estimate = np.array([[-1.55, 0.0]]), np.array([[1.56, 0.1]])
    np.testing.assert_allclose(
        mspe(estimate, Split(None, s), TRUTH), [((np.pi - 3.11) ** 2 + 0.01) / 2]
    )


def test_an_angle_that_is_not_given_counts_as_a_guess():
    """The mean over uniform guesses, by simulation."""
    s = np.array([[0.3]])
    guesses = RNG.uniform(-np.pi / 2, np.pi / 2, (200_000, 1))
    mean = squared_errors(guesses, np.tile(s, (200_000, 1))).mean()
    assert pytest.approx(mean, rel=0.01) == GUESSED
    assert rmspe(np.array([[np.nan]]), Split(None, s), TRUTH) == pytest.approx(np.sqrt(GUESSED))


def test_a_trial_is_resolved_if_every_source_is_nearer_than_half_way_to_the_next():
    s = np.deg2rad([[-10.0, 10.0, 50.0]] * 4)
    off = np.array([[0, 0, 0], [9, 0, 0], [0, 11, 0], [0, 0, 19.0]])
    np.testing.assert_array_equal(
        not_resolved(s + np.deg2rad(off), Split(None, s), TRUTH), [0, 0, 1, 0]
    )
    missing = np.array([[np.deg2rad(-10.0), np.deg2rad(10.0), np.nan]])
    assert not_resolved(missing, Split(None, s[:1]), TRUTH) == 1


# --- what is no number ---


def test_an_infinite_angle_is_one_that_is_not_given():
    s = np.tile([[-0.5, 0.4]], (3, 1))
    estimate = np.array([[-0.5, np.nan], [-0.5, np.inf], [-np.inf, np.inf]])
    np.testing.assert_allclose(
        mspe(estimate, Split(None, s), TRUTH), [GUESSED / 2, GUESSED / 2, GUESSED]
    )
    assert not_resolved(estimate, Split(None, s), TRUTH).tolist() == [1, 1, 1]


def test_where_angles_are_not_known_no_error_is():
    s = np.array([[-0.5, 0.4], [np.nan, 0.4]])
    for estimate in (s[::-1], np.full((2, 3), 0.1), np.full((2, 2), np.nan)):
        errors = mspe(estimate, Split(None, s), TRUTH)
        assert np.isnan(errors[1]) and not np.isnan(errors[0])


SILENT = {"zeros": 0, "nan": np.nan, "inf": np.inf, "huge": 1e160}


@pytest.mark.parametrize("bad", SILENT.values(), ids=SILENT)
def test_no_row_without_an_answer_is_counted_right(bad):
    split = TRUTH.draw(4, "test")
    x = split.x.astype(complex)
    x[1] = bad
    many = Narrowband(n_sources=2, n_snapshots=9, snr_db=10.0)
    for method in (
        RootMusic(many),
        RootMusic(many, count="mdl", smoothing="forward_backward"),
        RootMusic(many, count="aic", smoothing="forward_backward"),
    ):
        assert wrong_count(method, Split(x, split.s))[1] == 1
        assert method.count_sources(torch.from_numpy(x))[1] == 0


def test_ratios_of_eigenvalues_that_rounding_made_are_no_gain():
    """One snapshot has one eigenvalue; zeros and what is not finite have none."""
    x = TRUTH.draw(5, "test").x.astype(complex)[..., :1]
    x[1], x[2] = 0, np.nan
    split = Split(x, np.zeros((5, 2)))
    method = RootMusic(TRUTH)
    ratio, spread = eigenvalue_ratio(method, split), eigenvalue_spread(method, split)
    assert np.isnan(ratio[[1, 2]]).all() and np.isnan(spread[[1, 2]]).all()
    np.testing.assert_allclose(ratio[[0, 3, 4]], 1)
    assert (spread[[0, 3, 4]] > 1e14).all()
    # Of a covariance of three sensors, who should find four sources knows none of these.
    few = RootMusic(TRUTH, smoothing="forward", subarray=3)
    four = Split(TRUTH.draw(2, "test").x, np.zeros((2, 4)))
    assert np.isnan(eigenvalue_ratio(few, four)).all()
    assert np.isnan(eigenvalue_spread(few, four)).all()
