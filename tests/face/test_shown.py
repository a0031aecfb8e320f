"""What methods show beside their answers: their iterates, spectra."""

import numpy as np
import pytest

import mbdl_repro as mbdl


def test_they_are_those_of_ista_written_out_and_end_with_the_answer():
    truth = mbdl.scenario("5.06").believed(n_observations=12, n_signal=20)
    x, _ = truth.draw(4, "test", 0)
    method = mbdl.sparse_recovery.Ista(truth, iterations=3, rho=0.05, step=0.2)
    found = mbdl.iterates(method, x)
    expected = [np.zeros((4, 20))]
    for _ in range(3):
        moved = expected[-1] + 0.2 * (x - expected[-1] @ truth.H.T) @ truth.H
        expected.append(np.sign(moved) * np.maximum(np.abs(moved) - 0.01, 0))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)
    np.testing.assert_array_equal(found[-1], method.estimate(x))


def test_a_learned_method_has_as_many_as_layers():
    x, s = mbdl.scenario("5.06").draw(3, "test", 0)
    found = mbdl.iterates(mbdl.load("5.06", "lista"), x)
    assert found.shape == (6, *s.shape)


def test_what_does_not_iterate_and_what_does_not_fit():
    truth = mbdl.scenario("5.06")
    with pytest.raises(ValueError, match="LinearMMSE does not iterate"):
        mbdl.iterates(mbdl.sparse_recovery.LinearMMSE(truth), np.zeros((1, 150)))
    with pytest.raises(ValueError, match=r"x has shape \(150,\).*a single signal is x\[None\]"):
        mbdl.iterates(mbdl.load("5.06", "lista"), np.zeros(150))


def test_a_spectrum_has_its_peaks_where_the_sources_are():
    truth = mbdl.scenario("3.09").believed(correlation=0.0, angles_deg=(-40.0, 5.0, 35.0))
    found = mbdl.illustrations(mbdl.doa.Music(truth), truth.draw(2, "test", 0).x)
    grid, spectrum = np.rad2deg(found["grid_rad"][0]), found["spectrum"]
    assert spectrum.shape == (2, 360)
    is_peak = (spectrum[:, 1:-1] > spectrum[:, :-2]) & (spectrum[:, 1:-1] > spectrum[:, 2:])
    heights = np.where(is_peak, spectrum[:, 1:-1], 0)
    peaks = np.sort(grid[1:-1][np.argsort(heights)[:, -3:]])
    np.testing.assert_allclose(peaks, [[-40, 5, 35]] * 2, rtol=0, atol=1.0)


def test_what_is_learned_is_shown_without_gradients_and_goes_on_training():
    method = mbdl.load("5.10", "subspacenet_music").train()
    x, _ = mbdl.scenario("5.10").draw(1, "test", 0)
    assert np.isfinite(mbdl.illustrations(method, x)["spectrum"]).all()
    assert method.training


def test_what_shows_nothing_says_so():
    with pytest.raises(ValueError, match="Ista shows no more than its estimates"):
        mbdl.illustrations(mbdl.load("5.06", "ista_book"), np.zeros((1, 150)))
