"""Movies of blinking emitters: what the camera sees, when emitters are on, and where they are."""

import dataclasses

import numpy as np
import pytest
from scipy.integrate import dblquad

from mbdl_repro.areas.sparse_recovery.metrics import detection_error, map_error
from mbdl_repro.areas.sparse_recovery.systems.blinking_emitters import BlinkingEmitters
from mbdl_repro.contract.scenario import Split
from mbdl_repro.contract.seeding import rng_for

SMALL = BlinkingEmitters(camera_side=3, upsampling=2, n_frames=4, psf_std_nm=80.0)


def test_a_pixel_receives_the_integral_of_the_point_spread_function():
    """An emitter in fine pixel (1, 4), at (75, 225) nm, seen by camera pixel (0, 2)."""
    std = 80.0

    def density(v, u):
        return np.exp(-((u - 75) ** 2 + (v - 225) ** 2) / (2 * std**2)) / (2 * np.pi * std**2)

    expected, _ = dblquad(density, 0, 100, 200, 300)
    assert SMALL.A[0, 1] * SMALL.A[2, 4] == pytest.approx(expected, rel=1e-7)


def test_what_falls_beyond_the_camera_is_lost_and_no_more():
    wide = dataclasses.replace(SMALL, camera_side=40)
    inside = wide.A.sum(0)
    assert inside[40] == pytest.approx(1, abs=1e-12)
    assert inside[0] == pytest.approx(0.5 + 0.1225, abs=2e-3)  # Φ(25 / 80) = 0.6227
    assert (inside <= 1).all()


def test_the_variance_image_is_linear_in_the_emitters_variances():
    """Var(Y) = a² B V Bᵀ + σ², by simulation, with emitters at edges and next to each other."""
    T = 100_000
    truth = dataclasses.replace(SMALL, n_frames=T, photons=50.0, noise_std=3.0, on_probability=0.3)
    rng = rng_for("linear variances")
    places = np.array([[0, 0], [0, 1], [2, 3], [5, 5], [5, 0]])
    on = truth.blinking(len(places), rng)
    emitted = np.zeros((T, 6, 6))
    emitted[:, places[:, 0], places[:, 1]] = on
    movie = 50 * np.einsum("yi,tij,xj->tyx", truth.A, emitted, truth.A, optimize=True)
    movie += 3 * rng.standard_normal(movie.shape)
    V = np.zeros((6, 6))
    V[places[:, 0], places[:, 1]] = 0.3 * 0.7
    B = truth.A**2
    expected = 50**2 * B @ V @ B.T + 9
    deviations = (movie - movie.mean(0)) ** 2
    error = deviations.std(0) / np.sqrt(T)
    assert (np.abs(deviations.mean(0) - expected) < 5 * error).all()
    # Were light that falls beyond edges thrown back, or emitters alike, it would be another image.
    assert np.abs(expected[0, 0] - expected[2, 2]) > 20 * error.max()


def test_variances_add_up_in_the_mean_over_movies():
    """The sample variance of short movies has the mean a² B s Bᵀ + σ², given the maps s."""
    truth = dataclasses.replace(SMALL, noise_std=100.0)
    x, s = truth.draw(20_000, "linear")
    B = truth.A**2
    expected = truth.photons**2 * truth.emitter_variance * (B @ s @ B.T) + truth.noise_std**2
    difference = x.var(1, ddof=1) - expected
    error = difference.std(0) / np.sqrt(len(x))
    assert (np.abs(difference.mean(0)) < 5 * error).all()


@pytest.mark.parametrize("memory", [0.0, 0.6])
def test_emitters_blink_as_often_and_remember_as_long_as_is_said(memory):
    truth = dataclasses.replace(SMALL, n_frames=4, blink_memory=memory, on_probability=0.3)
    n = 200_000
    on = truth.blinking(n, rng_for("blinking"))
    assert set(np.unique(on)) == {0.0, 1.0}
    assert np.abs(on.mean(1) - 0.3).max() < 5 * np.sqrt(0.21 / n)
    for lag in (1, 2, 3):
        correlation = np.corrcoef(on[0], on[lag])[0, 1]
        assert correlation == pytest.approx(memory**lag, abs=5 / np.sqrt(n))


def test_a_map_is_the_variance_of_what_was_sent_in_units_of_one_emitter():
    truth = dataclasses.replace(SMALL, n_frames=400, density_per_um2=200.0, layout="random")
    _, s = truth.draw(200, "maps")
    # A mean of 18 emitters in 36 fine pixels; without noise the mean variance of each is 1.
    per_emitter = s.sum((1, 2)).mean() / 18
    assert per_emitter == pytest.approx(1.0, abs=0.06)  # 5 standard errors of a Poisson mean
    assert (s >= 0).all()


@pytest.mark.parametrize("layout", ["random", "filaments"])
def test_there_are_as_many_emitters_as_the_density_says(layout):
    truth = dataclasses.replace(SMALL, layout=layout, density_per_um2=50.0, n_frames=200)
    _, s = truth.draw(1000, "density")
    count = s.sum((1, 2))  # in units of one emitter's variance
    assert abs(count.mean() - 50 * 0.09) < 5 * count.std() / np.sqrt(1000)


def test_filaments_have_emitters_next_to_each_other():
    def neighbours(layout):
        truth = BlinkingEmitters(layout=layout, n_frames=60, max_filaments=1)
        occupied = truth.draw(100, "layout").s > 0
        padded = np.pad(occupied, ((0, 0), (1, 1), (1, 1)))
        near = sum(
            padded[:, 1 + i : 33 + i, 1 + j : 33 + j]
            for i in (-1, 0, 1)
            for j in (-1, 0, 1)
            if (i, j) != (0, 0)
        )
        return (occupied & (near > 0)).sum() / occupied.sum()

    assert neighbours("filaments") > 2 * neighbours("random")


def test_a_field_without_emitters_is_noise_alone():
    x, s = dataclasses.replace(SMALL, density_per_um2=1e-6).draw(5, "empty")
    assert not s.any()
    assert np.abs(x).max() < 6 * SMALL.noise_std


def test_a_withheld_width_is_named():
    with pytest.raises(ValueError, match="psf_std_nm is asked for, and is withheld"):
        _ = SMALL.believed(psf_std_nm=None).A
    with pytest.raises(ValueError, match="psf_std_nm"):
        SMALL.believed(psf_std_nm=None).check_truth()


@pytest.mark.parametrize(
    ("field", "value"),
    [("camera_side", 1), ("pixel_nm", 0.0), ("on_probability", 1.0), ("n_frames", 1)],
)
def test_impossible_fields_are_refused(field, value):
    with pytest.raises(ValueError, match=rf"BlinkingEmitters: {field} is {value}: should be"):
        dataclasses.replace(SMALL, **{field: value})


# --- what is measured ---


def split_of(*places):
    s = np.zeros((1, 6, 6))
    for row, column in places:
        s[0, row, column] = 1.0
    return Split(np.zeros((1, 4, 3, 3)), s)


def test_the_error_of_a_map_does_not_ask_for_its_scale():
    split = split_of((1, 1), (4, 3))
    rng = rng_for("scale")
    estimate = rng.random((1, 6, 6))
    one, other = (map_error(c * estimate, split, SMALL) for c in (1.0, 7.0))
    assert one == pytest.approx(other, rel=1e-12)
    blurred, right = (SMALL.blur @ a[0] @ SMALL.blur for a in (estimate, split.s))
    _, residual, *_ = np.linalg.lstsq(blurred.reshape(-1, 1), right.ravel())
    assert one[0] == pytest.approx(residual[0] / (right**2).sum(), rel=1e-12)


def test_an_emitter_nearly_in_place_is_nearly_right():
    split = split_of((2, 2))
    beside, far = (map_error(split_of(p).s, split, SMALL)[0] for p in ((2, 3), (5, 5)))
    assert 0 < beside < far <= 1
    assert map_error(np.zeros((1, 6, 6)), split, SMALL)[0] == 1


def test_f1_by_hand():
    """Of 3 emitters 2 are found within a pixel; of 3 pixels found one is far from any."""
    split = split_of((0, 0), (0, 3), (3, 0))
    estimate = split_of((1, 1), (0, 3), (5, 5)).s
    assert detection_error(estimate, split, SMALL)[0] == pytest.approx(1 - 2 / 3)
    assert detection_error(np.zeros_like(estimate), split, SMALL)[0] == 1
