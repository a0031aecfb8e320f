"""Ultrasound movies: what a point looks like, how tissue moves, and how many bubbles there are."""

import dataclasses

import numpy as np
import pytest

from mbdl_repro.areas.low_rank_sparse.bounds import told_tissue_and_paths
from mbdl_repro.areas.low_rank_sparse.metrics import (
    bubble_nmse_db,
    power_nmse_db,
    squared_error,
)
from mbdl_repro.areas.low_rank_sparse.scenario import ContrastUltrasound, Points
from mbdl_repro.contract.scenario import Split
from mbdl_repro.contract.seeding import rng_for

SMALL = ContrastUltrasound(side=6, n_frames=5)


def test_a_point_pixel_by_pixel():
    points = Points(
        depth=np.array([[0.31], [0.40]]), across=np.array([[0.52], [0.48]]), echo=np.array([2 - 1j])
    )
    movie = dataclasses.replace(SMALL, n_frames=2).image(points)
    for t, i, j in np.ndindex(2, 6, 6):
        z, y = 0.15 * (i + 0.5) - points.depth[t, 0], 0.15 * (j + 0.5) - points.across[t, 0]
        size = np.exp(-(z**2) / (2 * 0.12**2) - y**2 / (2 * 0.18**2))
        phase = -4 * np.pi * points.depth[t, 0] / 0.3
        assert movie[t, i, j] == pytest.approx((2 - 1j) * size * np.exp(1j * phase), rel=1e-12)


def test_half_a_wavelength_deeper_turns_the_phase_once():
    here = Points(np.array([[0.45]]), np.array([[0.45]]), np.array([1.0 + 0j]))
    deeper = here._replace(depth=here.depth + 0.15)  # a pixel, too
    truth = dataclasses.replace(SMALL, n_frames=2)
    np.testing.assert_allclose(truth.image(deeper)[0, 1:], truth.image(here)[0, :-1], atol=1e-12)


def test_tissue_is_speckle_of_power_one_everywhere():
    rng = rng_for("speckle")
    frames = np.stack([SMALL.image(SMALL.tissue(rng))[0] for _ in range(3000)])
    power = np.square(np.abs(frames))
    error = power.std(0) / np.sqrt(len(power))
    assert (np.abs(power.mean(0) - 1) < 5 * error + 0.02).all()  # scatterers are a whole number
    assert np.abs(frames.mean(0)).max() < 5 / np.sqrt(3000)
    # Given the places it is exponential; how many of them are near varies by 1/4, as 4 a cell are.
    assert power.std() / power.mean() == pytest.approx(np.sqrt(1 + 2 / 4), abs=0.05)


def test_tissue_goes_as_far_as_is_said_and_along_a_line():
    # Two pulses, of which the mean is the mean place.
    truth = dataclasses.replace(SMALL, n_frames=500, frame_period_s=1e-3, motion_spread=0.0)
    points = truth.tissue(rng_for("motion"))
    places = np.stack((points.depth, points.across))
    moved = places - places.mean(1, keepdims=True)
    np.testing.assert_allclose(moved, moved[:, :, :1].repeat(moved.shape[2], 2), atol=1e-12)
    assert np.linalg.svd(moved[:, :, 0])[1][1] < 1e-12
    farthest = np.linalg.norm(moved[:, :, 0], axis=0).max()
    assert farthest == pytest.approx(truth.motion_mm, rel=1e-3)


def test_the_more_tissue_moves_the_more_dimensions_it_has():
    def beyond(motion_mm):
        """Shares of the power beyond one dimension, and beyond two."""
        truth = dataclasses.replace(SMALL, motion_mm=motion_mm, n_frames=10)
        tissue = np.stack([truth.image(truth.tissue(rng_for("rank", i))) for i in range(20)])
        power = np.square(np.linalg.svd(tissue.reshape(20, 10, -1))[1]).mean(0)
        return 1 - np.cumsum(power / power.sum())[:2]

    still, home, twice = (beyond(motion_mm) for motion_mm in (0.0, 0.06, 0.12))
    assert still[0] < 1e-12
    assert 0.01 < home[0] < 0.2 and home[1] < 0.01
    assert (twice > 2 * home).all()


def test_bubbles_are_as_many_and_as_fast_in_each_frame():
    truth = dataclasses.replace(SMALL, n_frames=9)
    rng = rng_for("bubbles")
    drawn = [truth.bubbles(rng) for _ in range(1000)]
    inside = np.array(
        [
            ((p.depth > 0) & (p.depth < 0.9) & (p.across > 0) & (p.across < 0.9)).sum(1)
            for p in drawn
        ]
    )
    expected = 80 * 0.09**2
    assert (np.abs(inside.mean(0) - expected) < 5 * np.sqrt(expected / 1000)).all()
    steps = np.concatenate(
        [np.hypot(np.diff(p.depth, axis=0)[0], np.diff(p.across, axis=0)[0]) for p in drawn]
    )
    speed = steps / truth.frame_period_s
    assert speed.mean() == pytest.approx(12.0, abs=5 * speed.std() / np.sqrt(len(speed)))
    echoes = np.square(np.abs(np.concatenate([p.echo for p in drawn])))
    assert echoes.mean() == pytest.approx(1.0, abs=5 / np.sqrt(len(echoes)))


def test_a_movie_is_the_sum_of_its_parts():
    x, s = dataclasses.replace(SMALL, noise_std=1e-9).draw(4, "parts")
    rng = rng_for("data", *dataclasses.replace(SMALL, noise_std=1e-9).identity(), "parts", 0)
    bubbles = [SMALL.image(SMALL.bubbles(rng)) for _ in range(SMALL.chunk_size)]
    tissue = [SMALL.image(SMALL.tissue(rng)) for _ in range(SMALL.chunk_size)]
    np.testing.assert_array_equal(s, bubbles[:4])
    np.testing.assert_allclose(x - s, tissue[:4], atol=1e-7)


@pytest.mark.parametrize(("field", "value"), [("side", 1), ("n_frames", 1), ("speed_mm_s", 0.0)])
def test_impossible_fields_are_refused(field, value):
    with pytest.raises(ValueError, match=rf"ContrastUltrasound: {field} is {value}: should be"):
        dataclasses.replace(SMALL, **{field: value})


# --- what is measured, and bounds ---


def test_errors_by_hand():
    s = np.zeros((1, 2, 2, 2), dtype=complex)
    s[0, :, 0, 0] = 3.0, 4j
    estimate = s.copy()
    estimate[0, 0, 0, 0], estimate[0, 1, 1, 1] = 0.0, 2.0
    split = Split(s, s)
    assert squared_error(estimate, split, SMALL) == 13
    assert [a[0] for a in bubble_nmse_db(estimate, split, SMALL)] == [13, 25]
    # The power image is 25 in one pixel; ours is 16 there and 4 in another.
    assert [a[0] for a in power_nmse_db(estimate, split, SMALL)] == [81 + 16, 625]


def test_the_floor_is_what_who_is_told_all_but_echoes_and_noise_has():
    """By simulation of the posterior mean, with matrices written out."""
    truth = dataclasses.replace(SMALL, noise_std=0.5)
    rng = rng_for("floor")
    errors = []
    for _ in range(400):
        points = truth.bubbles(rng)
        one = np.eye(points.echo.size)
        Phi = np.stack([truth.image(points._replace(echo=e)).ravel() for e in one], 1)
        noise = rng.standard_normal((2, len(Phi))).T @ [1, 1j] * 0.5 / np.sqrt(2)
        seen = Phi @ points.echo + noise
        found = np.linalg.solve(Phi.conj().T @ Phi + 0.25 * one, Phi.conj().T @ seen)
        errors.append(np.square(np.abs(Phi @ (found - points.echo))).sum())
    error = np.std(errors) / np.sqrt(400)
    assert told_tissue_and_paths(truth) == pytest.approx(np.mean(errors), abs=6 * error)
