"""Arrays that each seed builds anew: what is drawn, what is believed, and what bounds know."""

import dataclasses

import numpy as np
import pytest

from mbdl_repro.areas.doa import bounds
from mbdl_repro.areas.doa.array import steering_at
from mbdl_repro.areas.doa.methods.maximum_likelihood import MaximumLikelihood
from mbdl_repro.areas.doa.metrics import rmspe
from mbdl_repro.areas.doa.scenario import Misplaced, Narrowband
from mbdl_repro.contract.scenario import in_seed
from mbdl_repro.contract.seeding import rng_for

TRUTH = Misplaced(n_sources=3, n_snapshots=50, snr_db=20.0, spacing_error=0.03)
PLANNED = 0.5 * np.arange(8)


def test_each_seed_has_an_array_of_its_own_within_what_is_said():
    places = np.array([TRUTH.of_seed(seed).positions for seed in range(200)])
    off = (places - PLANNED)[:, 1:] / np.arange(1, 8)
    assert (places[:, 0] == 0).all()
    assert np.abs(off).max() <= 0.03
    # Uniform: of 1400 numbers the standard deviation is known to two percent.
    assert off.std() == pytest.approx(0.03 / np.sqrt(3), rel=0.08)
    assert len(np.unique(off[:, 3])) == 200
    twice = dataclasses.replace(TRUTH, spacing_error=0.06).of_seed(7).positions
    np.testing.assert_allclose(twice - PLANNED, 2 * (TRUTH.of_seed(7).positions - PLANNED))


def test_training_and_test_snapshots_of_a_seed_come_from_its_array():
    loud = dataclasses.replace(TRUTH, snr_db=300.0)
    for seed in (0, 3):
        for split in ("train", "test"):
            x, s = loud.draw(4, split, seed)
            A = steering_at(s, TRUTH.of_seed(seed).positions)
            for own, a in zip(x, A, strict=True):
                rest = own - a @ np.linalg.lstsq(a, own, rcond=None)[0]
                assert np.abs(rest).max() < 1e-5 * np.abs(own).max()


def test_who_believes_in_no_error_has_the_array_as_planned_and_others_are_told():
    told = in_seed(TRUTH, 2)
    planned = in_seed(TRUTH.believed(spacing_error=0.0), 2)
    assert isinstance(told, Narrowband) and not isinstance(told, Misplaced)
    assert planned.is_uniform and not told.is_uniform
    np.testing.assert_array_equal(planned.positions, PLANNED)
    test = TRUTH.draw(200, "test", 2)
    errors = [rmspe(MaximumLikelihood(b).estimate(test.x), test, TRUTH) for b in (told, planned)]
    assert errors[0].mean() < 0.2 * errors[1].mean()
    other = Narrowband(n_sources=1, n_snapshots=1, snr_db=0.0)
    assert in_seed(other, 5) is other


def test_bounds_of_a_seed_are_those_of_its_array():
    array = TRUTH.of_seed(1)
    test = TRUTH.draw(20, "test", 1)
    given = dataclasses.replace(
        Narrowband(n_sources=3, n_snapshots=50, snr_db=20.0),
        sensor_positions=tuple(array.positions),
    )
    np.testing.assert_array_equal(
        bounds.stochastic_crb_median(array, test), bounds.stochastic_crb_median(given, test)
    )
    with pytest.raises(ValueError, match="spacing_error"):
        bounds.stochastic_crb_median(TRUTH, test)


def test_without_a_seed_it_is_the_first_ones_array():
    rng = rng_for("misplaced")
    again = rng_for("misplaced")
    assert np.array_equal(TRUTH.sample(3, rng).x, TRUTH.of_seed(0).sample(3, again).x)
    assert np.array_equal(TRUTH.draw(3, "test").s, TRUTH.draw(3, "test").s)
