"""Arrays and their sources: laws of what is drawn, by other ways of drawing it; and refusals."""

import dataclasses

import numpy as np
import pytest
import torch

from mbdl_repro.areas.doa.array import steering
from mbdl_repro.areas.doa.scenario import Narrowband
from mbdl_repro.contract.seeding import rng_for

THREE = Narrowband(n_sources=3, n_snapshots=100, snr_db=20.0)


def changed(**fields) -> Narrowband:
    return dataclasses.replace(THREE, **fields)


# --- angles ---


def redrawn(n: int, M: int, gap: float) -> np.ndarray:
    """Angles as published code draws them: again and again, until all gaps are right."""
    rng, found = np.random.default_rng(0), []
    while len(found) < n:
        angles = np.sort(rng.uniform(-90, 90, M))
        gaps = np.diff(angles)
        if (gaps > gap).all() and (gaps < 180 - gap).all():
            found.append(angles)
    return np.array(found)


@pytest.mark.parametrize("M", [2, 3, 5])
def test_angles_have_the_law_of_drawing_until_the_gaps_are_right(M):
    n = 4000
    ours = np.rad2deg(changed(n_sources=M).angles(n, rng_for("angles")))
    theirs = redrawn(n, M, 15.0)
    assert (np.diff(ours, axis=1) > 15).all() and (np.diff(ours, axis=1) < 165).all()
    assert np.abs(ours).max() <= 90
    for m in range(M):  # Kolmogorov and Smirnov, at one in ten thousand
        both = np.sort(np.concatenate([ours[:, m], theirs[:, m]]))
        shares = [np.searchsorted(np.sort(a[:, m]), both, "right") / n for a in (ours, theirs)]
        assert np.abs(shares[0] - shares[1]).max() < 2.2 * np.sqrt(2 / n)


def test_angles_that_are_given_are_those_of_every_trial():
    truth = changed(angles_deg=(-30.0, 0.0, 25.0))
    s = truth.draw(5, "test").s
    np.testing.assert_allclose(np.rad2deg(s), np.tile([-30, 0, 25], (5, 1)), atol=1e-12)


# --- what is received ---


def test_a_steering_vector_turns_by_the_way_to_each_next_sensor():
    A = steering(np.array([0.0, np.pi / 6, np.pi / 2]), 4, 0.5)
    np.testing.assert_allclose(A[:, 0], 1)
    np.testing.assert_allclose(A[:, 1], [1, -1j, -1, 1j], atol=1e-14)  # half of a half turn
    np.testing.assert_allclose(A[:, 2], [1, -1, 1, -1], atol=1e-14)
    both = steering(torch.tensor([[0.3, -0.2]], dtype=torch.float64), 4, 0.4)
    np.testing.assert_allclose(both.numpy(), steering(np.array([[0.3, -0.2]]), 4, 0.4))


@pytest.mark.parametrize(
    ("correlation", "phases"), [(0.0, "equal"), (0.6, "equal"), (1.0, "equal")]
)
def test_the_covariance_of_snapshots_is_that_of_the_model(correlation, phases):
    truth = changed(
        angles_deg=(-40.0, 5.0, 35.0), correlation=correlation, path_phases=phases, snr_db=3.0
    )
    x, s = truth.draw(1000, "covariance")
    T = x.shape[0] * x.shape[2]
    R = np.einsum("nit,njt->ij", x, x.conj()) / T
    A = steering(s[0], 8, 0.5)
    model = A @ truth.source_covariance() @ A.conj().T + 10**-0.3 * np.eye(8)
    # The variance of an entry of a sample covariance is R_ii R_jj / T.
    spread = np.sqrt(np.outer(model.diagonal().real, model.diagonal().real) / T)
    assert (np.abs(R - model) < 5 * spread).all()


def test_random_phases_leave_the_rank_of_coherent_sources_and_change_from_trial_to_trial():
    truth = changed(correlation=1.0, path_phases="random", angles_deg=(-40.0, 5.0, 35.0))
    x, s = truth.received(4, rng_for("phases"))
    assert (np.linalg.matrix_rank(x, tol=1e-3) == 1).all()
    A = steering(s[0], 8, 0.5)
    gains = np.linalg.lstsq(A, x[:, :, 0].T, rcond=None)[0]  # phases times one waveform
    np.testing.assert_allclose(np.abs(gains / gains[0]), 1, rtol=1e-4)
    assert np.ptp(np.angle(gains[1] / gains[0])) > 0.1


def test_the_published_ratio_is_half_of_that_of_power():
    published = Narrowband(n_sources=3, n_snapshots=100, published_snr_db=10.0)
    assert published == THREE
    assert published.noise_std == pytest.approx(0.1)
    assert published.identity() == THREE.identity(), "the same data"
    assert dataclasses.replace(THREE, published_snr_db=-5.0).snr_db == -10.0


# --- errors of the array ---


def responses(n: int = 3, **fields) -> np.ndarray:
    """Steering vectors of two trials' sources at the same angles."""
    truth = changed(angles_deg=(-50.0, 20.0, 60.0), **fields)
    s = truth.angles(n, rng_for("s"))
    return truth.actual_steering(s, rng_for("errors"))


def positions(A: np.ndarray, s: np.ndarray) -> np.ndarray:
    """Where each source meets each sensor, in wavelengths, from errors that turn it little."""
    off = np.angle(A / steering(s, 8, 0.5)) / (-2 * np.pi * np.sin(s)[..., None, :])
    return off[..., 1:, :] / np.arange(1, 8)[:, None]


@pytest.mark.parametrize("shared_by", ["nobody", "sources", "trials"])
def test_spacing_errors_are_shared_by_whom_they_should(shared_by):
    A = responses(spacing_error=0.01, errors_shared_by=shared_by)
    np.testing.assert_allclose(np.abs(A), 1)
    moved = positions(A, np.deg2rad(np.tile([-50.0, 20.0, 60.0], (3, 1))))
    assert np.abs(moved).max() <= 0.01 and np.abs(moved).max() > 0.005
    same_for_sources = np.allclose(moved, moved[:, :, :1], atol=1e-12)
    same_for_trials = np.allclose(moved, moved[:1], atol=1e-12)
    assert same_for_sources == (shared_by != "nobody")
    assert same_for_trials == (shared_by == "trials")


@pytest.mark.parametrize("kind", ["real", "complex"])
def test_steering_noise_has_its_variance(kind):
    A = responses(500, steering_noise_variance=0.3, steering_noise=kind)
    noise = A - steering(np.deg2rad([-50.0, 20.0, 60.0]), 8, 0.5)
    assert np.square(np.abs(noise)).mean() == pytest.approx(0.3, rel=0.05)
    assert np.square(noise.imag).mean() == pytest.approx(0.15 if kind == "complex" else 0, rel=0.1)


def test_an_array_without_errors_is_the_model():
    np.testing.assert_allclose(
        responses(), steering(np.deg2rad(np.tile([-50.0, 20.0, 60.0], (3, 1))), 8, 0.5)
    )


# --- refusals ---


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"n_sources": 8}, "n_sources is 8: allowed is 1 to 7"),
        ({"n_sources": 7, "min_gap_deg": 30.0}, "7 angles with such gaps do not fit"),
        ({"n_sources": 2, "min_gap_deg": 95.0}, "allowed is at most 85"),
        ({"angles_deg": (0.0, 10.0)}, "n_sources = 3 rising angles"),
        ({"angles_deg": (0.0, 10.0, 5.0)}, "n_sources = 3 rising angles"),
        ({"angles_deg": (0.0, 10.0, 95.0)}, "in -90 to 90"),
    ],
)
def test_what_cannot_be_is_refused(fields, words):
    with pytest.raises(ValueError, match=words):
        changed(**fields)


def test_what_is_withheld_is_named():
    with pytest.raises(ValueError, match="snr_db is asked for, and is withheld"):
        changed(snr_db=None).sample(1, rng_for("x"))
    with pytest.raises(ValueError, match="n_sources is asked for"):
        changed(n_sources=None).angles(1, rng_for("x"))
