"""Bounds of scenarios: means over their laws, theory beside simulation, and refusals."""

import dataclasses

import numpy as np
import pytest
import torch

from mbdl_repro.areas.doa import bounds
from mbdl_repro.areas.doa.methods.esprit import Esprit
from mbdl_repro.areas.doa.methods.root_music import RootMusic
from mbdl_repro.areas.doa.metrics import GUESSED, mspe
from mbdl_repro.areas.doa.scenario import Narrowband, Ofdm
from mbdl_repro.areas.doa.theory import fisher
from mbdl_repro.contract.scenario import Split

FIXED = Narrowband(n_sources=3, n_snapshots=100, snr_db=10.0, angles_deg=(-40.0, 0.0, 30.0))


def test_music_is_near_the_bound_for_sources_that_are_not_correlated():
    assert bounds.music_mspe(FIXED) == pytest.approx(bounds.stochastic_crb_mspe(FIXED), rel=1e-3)
    correlated = dataclasses.replace(FIXED, correlation=0.8, snr_db=0.0)
    assert bounds.music_mspe(correlated) > 1.05 * bounds.stochastic_crb_mspe(correlated)


@pytest.mark.parametrize("correlation", [0.0, 0.8])
def test_root_music_has_the_error_that_theory_says(correlation):
    truth = dataclasses.replace(FIXED, correlation=correlation, snr_db=20.0)
    test = truth.draw(4000, "test", "theory")
    errors = mspe(RootMusic(truth)(torch.from_numpy(test.x)).numpy(), test, truth)
    standard_error = errors.std() / np.sqrt(len(errors))
    # Many snapshots are 100: some percent beside the limit.
    expected = bounds.music_mspe(truth)
    assert abs(errors.mean() - expected) < 4 * standard_error + 0.03 * expected


@pytest.mark.parametrize("snr_db", [0.0, 10.0, 20.0])
def test_esprit_is_as_far_from_the_bound_as_is_known(snr_db):
    truth = dataclasses.replace(FIXED, snr_db=snr_db)
    test = truth.draw(4000, "test", "esprit")
    estimate = Esprit(truth)(torch.from_numpy(test.x)).numpy()
    ratio = np.sqrt(mspe(estimate, test, truth).mean() / bounds.stochastic_crb_mspe(truth))
    assert 1.2 < ratio < 1.6


def test_bounds_of_random_phases_are_means_over_phases():
    truth = Narrowband(
        n_sources=2,
        n_snapshots=10,
        snr_db=10.0,
        correlation=1.0,
        path_phases="random",
        angles_deg=(-20.0, 25.0),
    )
    phases = np.exp(2j * np.pi * np.arange(360) / 360)
    P = np.stack([np.outer([1, z], [1, z.conjugate()]) for z in phases])
    matrices = fisher.stochastic_crb(
        np.tile(np.deg2rad(truth.angles_deg), (360, 1)),
        P,
        fisher.Reception(truth.noise_std**2, 10, np.arange(8) / 2),
    )
    diagonals = matrices.diagonal(axis1=1, axis2=2)
    spread = diagonals.mean(1).std() / np.sqrt(bounds.N_DRAWS)
    assert abs(bounds.stochastic_crb_mspe(truth) - diagonals.mean()) < 5 * spread


def test_the_median_is_of_the_angles_of_each_trial():
    truth = Narrowband(n_sources=2, n_snapshots=10, snr_db=10.0)
    test = truth.draw(5, "test")
    values = bounds.stochastic_crb_median(truth, test)
    for value, s in zip(values, test.s, strict=True):
        fixed = dataclasses.replace(truth, angles_deg=tuple(np.rad2deg(s)))
        assert value**2 == pytest.approx(bounds.stochastic_crb_mspe(fixed), rel=1e-9)


@pytest.mark.parametrize(
    ("function", "changes", "word"),
    [
        (bounds.stochastic_crb_mspe, {}, "max_angle_deg"),
        (bounds.deterministic_crb_mspe, {}, "max_angle_deg"),
        (bounds.music_mspe, {"max_angle_deg": 60.0, "correlation": 1.0}, "coherent"),
        (bounds.shared_waveform_crb_mspe, {"max_angle_deg": 60.0}, "correlation"),
        (
            bounds.shared_waveform_crb_mspe,
            {"max_angle_deg": 60.0, "correlation": 1.0, "path_phases": "random"},
            "path_phases",
        ),
        (
            bounds.stochastic_crb_mspe,
            {"max_angle_deg": 60.0, "spacing_error": 0.1},
            "spacing_error",
        ),
        (bounds.told_the_rest_mspe, {"angles_deg": (0.0, 30.0)}, "angles_deg"),
    ],
)
def test_bounds_that_do_not_exist_say_why(function, changes, word):
    truth = Narrowband(n_sources=2, n_snapshots=10, snr_db=10.0, **changes)
    with pytest.raises(ValueError, match=word):
        function(truth)


def test_bounds_of_narrowband_sources_are_not_given_for_others():
    truth = Ofdm(n_sources=2, n_snapshots=10, snr_db=10.0, max_angle_deg=60.0)
    for function in (bounds.stochastic_crb_mspe, bounds.told_the_rest_rmspe):
        with pytest.raises(ValueError, match="Ofdm"):
            function(truth)


@pytest.mark.parametrize(
    ("n_sources", "published"), [(2, 0.6854), (3, 0.6034), (4, 0.5421), (5, 0.4963)]
)
def test_the_error_of_guessing_is_as_published(n_sources, published):
    """Merkofer et al., DA-MUSIC, 2023: "random", of angles without a least gap."""
    truth = Narrowband(n_sources=n_sources, n_snapshots=1, snr_db=0.0, min_gap_deg=0.0)
    # Of 10 000 guesses each of which varies by 0.25 or so: two standard errors.
    assert bounds.guess_rmspe(truth) == pytest.approx(published, abs=5e-3)


def test_the_error_of_guessing_one_angle_is_that_of_a_uniform_one():
    truth = Narrowband(n_sources=1, n_snapshots=1, snr_db=0.0)
    # Uniform in [−π/2, π/2), whose modulus and square vary by 0.45 and 0.74.
    assert bounds.guess_rmspe(truth) == pytest.approx(np.pi / 4, abs=4 * 0.45 / 50_000**0.5)
    assert bounds.guess_mspe(truth) == pytest.approx(np.pi**2 / 12, abs=4 * 0.74 / 50_000**0.5)


# --- where there is no bound, and arrays of other shapes ---


def test_angles_with_one_steering_vector_are_refused_and_in_a_median_are_guessed():
    """At half a wavelength, −90° and 90° are one."""
    truth = dataclasses.replace(FIXED, angles_deg=(-90.0, 10.0, 90.0))
    for bound in (bounds.stochastic_crb_mspe, bounds.deterministic_crb_mspe, bounds.music_mspe):
        with pytest.raises(ValueError, match="the bound is infinite"):
            bound(truth)
    apart = np.deg2rad(FIXED.angles_deg)
    s = np.stack([apart, np.deg2rad(truth.angles_deg), [0.3, 0.3, 0.5], [np.nan, 0.1, 0.2], apart])
    values = bounds.stochastic_crb_median(FIXED, Split(None, s))
    alone = np.sqrt(bounds.stochastic_crb_mspe(FIXED))
    np.testing.assert_allclose(values[[0, 4]], alone, rtol=1e-12)
    assert np.isnan(values[3])
    assert (values[1:3] >= np.sqrt(GUESSED / 2)).all() and (values[1:3] <= np.sqrt(GUESSED)).all()


def test_of_coherent_sources_there_is_a_bound_however_little_noise_there_is():
    """R = A P Aᴴ + σ² I is singular but for rounding; the bound is in proportion to σ²."""
    for correlation in (0.0, 1.0):
        truth = dataclasses.replace(FIXED, correlation=correlation)
        loud = [
            bounds.stochastic_crb_mspe(dataclasses.replace(truth, snr_db=snr)) * 10 ** (snr / 10)
            for snr in (100.0, 300.0)
        ]
        assert loud[0] == pytest.approx(loud[1], rel=1e-6)


def test_a_uniform_array_is_the_same_by_its_positions_and_a_longer_one_is_better():
    given = dataclasses.replace(FIXED, spacing=0.3, sensor_positions=tuple(0.3 * np.arange(8)))
    long = dataclasses.replace(FIXED, sensor_positions=tuple(np.arange(8) ** 1.4 / 2))
    deaf = dataclasses.replace(FIXED, sensor_gains=(1,) * 7 + (0,))
    for bound in (bounds.stochastic_crb_mspe, bounds.deterministic_crb_mspe, bounds.music_mspe):
        uniform = dataclasses.replace(FIXED, spacing=0.3)
        assert bound(given) == pytest.approx(bound(uniform), rel=1e-9)
        assert bound(long) < bound(FIXED)
        # A sensor that hears nothing is none.
        shorter = dataclasses.replace(FIXED, n_sensors=7)
        assert bound(deaf) == pytest.approx(bound(shorter), rel=1e-9)


def test_phases_of_sensors_that_are_known_cost_nothing():
    turned = dataclasses.replace(FIXED, sensor_phases_deg=tuple(np.arange(8) ** 2 * 20.0))
    for bound in (bounds.stochastic_crb_mspe, bounds.deterministic_crb_mspe, bounds.music_mspe):
        assert bound(turned) == pytest.approx(bound(FIXED), rel=1e-9)
