"""Classical methods beside other libraries, brute force, and what was found before."""

import dataclasses
from functools import cache

import numpy as np
import pytest
import torch

from mbdl_repro import catalogue
from mbdl_repro.areas.doa.array import steering
from mbdl_repro.areas.doa.methods.bartlett import Bartlett
from mbdl_repro.areas.doa.methods.esprit import Esprit
from mbdl_repro.areas.doa.methods.music import Music
from mbdl_repro.areas.doa.methods.mvdr import Mvdr
from mbdl_repro.areas.doa.methods.root_music import RootMusic
from mbdl_repro.areas.doa.metrics import rmspe
from mbdl_repro.areas.doa.scenario import Narrowband
from mbdl_repro.contract.scenario import Split

TRUTH = Narrowband(n_sources=3, n_snapshots=100, snr_db=20.0)
COHERENT = dataclasses.replace(TRUTH, correlation=1.0)
ALL = (Bartlett, Mvdr, Music, RootMusic, Esprit)
SPECTRAL = (Bartlett, Mvdr, Music)
FORWARD = {"smoothing": "forward"}
MIRRORED = {"smoothing": "forward_backward"}

every_one = pytest.mark.parametrize("cls", ALL, ids=lambda cls: cls.__name__)
every_spectral = pytest.mark.parametrize("cls", SPECTRAL, ids=lambda cls: cls.__name__)


def snapshots(truth: Narrowband, n: int, seed: int = 100) -> torch.Tensor:
    return torch.from_numpy(truth.draw(n, "train", seed).x).to(torch.complex128)


def received(angles_deg, truth: Narrowband = TRUTH, snr_db: float = 300.0, n: int = 1):
    fixed = dataclasses.replace(
        truth, angles_deg=tuple(angles_deg), n_sources=len(angles_deg), snr_db=snr_db
    )
    return fixed, snapshots(fixed, n)


# --- beside other libraries, loaded where they are used: not by each process that collects ---

FREQUENCY = 1e9


def by_doa_py(name: str, x: torch.Tensor, M: int) -> np.ndarray:
    from doa_py import algorithm, arrays

    array = arrays.UniformLinearArray(8, arrays.C / FREQUENCY / 2)
    function = getattr(algorithm, name)
    return np.stack([function(row, M, array, FREQUENCY, unit="rad") for row in x.numpy()])


@pytest.mark.parametrize("truth", [TRUTH, COHERENT], ids=["non-coherent", "coherent"])
@pytest.mark.parametrize("M", [2, 3, 5])
def test_root_music_is_that_of_doa_py(truth, M):
    truth = dataclasses.replace(truth, n_sources=M)
    x = snapshots(truth, 100)
    x = x - x.mean(-1, keepdim=True)  # doa-py takes it off
    theirs = by_doa_py("root_music", x, M)
    np.testing.assert_allclose(RootMusic(truth)(x).numpy(), theirs, rtol=0, atol=1e-10)


def test_esprit_without_noise_is_that_of_doa_py():
    """Theirs is of total least squares, and differs where there is noise."""
    x = snapshots(dataclasses.replace(TRUTH, snr_db=300.0, max_angle_deg=60.0), 50)
    x = x - x.mean(-1, keepdim=True)
    theirs = by_doa_py("esprit", x, 3)
    np.testing.assert_allclose(Esprit(TRUTH)(x).numpy(), theirs, rtol=0, atol=1e-10)


def test_esprit_is_a_least_squares_fit_of_one_part_of_the_basis_to_the_other():
    x = snapshots(TRUTH, 50)
    for row, ours in zip(x.numpy(), Esprit(TRUTH)(x).numpy()):
        Us = np.linalg.svd(row)[0][:, :3]
        Phi = np.linalg.lstsq(Us[:-1], Us[1:])[0]
        theirs = np.sort(np.arcsin(-np.angle(np.linalg.eigvals(Phi)) / np.pi))
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-10)


def by_pyroomacoustics(x: torch.Tensor, M: int, grid: int) -> np.ndarray:
    """Return the peaks on the grid: one bin of frequency holds the snapshots, conjugate."""
    import pyroomacoustics

    fs, nfft, c = 16000, 256, 343.0
    spacing = c / (32 * fs / nfft) / 2
    places = np.stack([np.zeros(8), np.arange(8) * spacing])
    azimuth = (np.arange(grid) / grid - 0.5) * np.pi
    music = pyroomacoustics.doa.MUSIC(places, fs, nfft, c=c, num_src=M, azimuth=azimuth)
    peaks = np.full((len(x), M), np.nan)
    for row, found in zip(x.numpy(), peaks):
        X = np.zeros((8, nfft // 2 + 1, x.shape[-1]), dtype=complex)
        X[:, 32] = row.conj()
        music.locate_sources(X, num_src=M, freq_bins=[32])
        found[: len(music.azimuth_recon)] = np.sort(music.azimuth_recon)
    return peaks


@pytest.mark.parametrize("truth", [TRUTH, COHERENT], ids=["non-coherent", "coherent"])
def test_peaks_of_music_are_those_of_pyroomacoustics(truth):
    x = snapshots(truth, 200)
    theirs = by_pyroomacoustics(x, 3, 360)
    ours = Music(truth, refine=False)(x).numpy()
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-12)
    assert (np.isnan(ours) == np.isnan(theirs)).all()


# --- spectra and peaks, by brute force ---


def direct(cls, R: np.ndarray, angle: float, d: float = 0.5) -> float:
    a = steering(np.array([angle]), len(R), d)[:, 0]
    if cls is Bartlett:
        return (a.conj() @ R @ a).real / len(R) ** 2
    if cls is Mvdr:
        w = np.linalg.solve(R, a) / (a.conj() @ np.linalg.solve(R, a))
        return (w.conj() @ R @ w).real
    Un = np.linalg.eigh(R)[1][:, :-3]
    return 1 / np.linalg.norm(Un.conj().T @ a) ** 2


@every_spectral
@pytest.mark.parametrize("settings", [{}, FORWARD, MIRRORED], ids=str)
@pytest.mark.parametrize("d", [0.5, 0.3])
def test_the_spectrum_is_what_its_definition_says(cls, settings, d):
    truth = dataclasses.replace(TRUTH, spacing=d)
    x = snapshots(truth, 3)
    method = cls(truth, grid=40, **settings)
    shown = method.illustrations(x)
    grid = np.deg2rad(-90 + 180 / 40 * np.arange(40 + (d != 0.5)))
    np.testing.assert_allclose(shown["grid_rad"].numpy(), np.tile(grid, (3, 1)), atol=1e-14)
    R = method.covariance(x).numpy()
    expected = [[direct(cls, one, angle, d) for angle in grid] for one in R]
    np.testing.assert_allclose(shown["spectrum"].numpy(), expected, rtol=1e-7)
    eigenvalues = np.linalg.eigvalsh(R)[:, ::-1]
    np.testing.assert_allclose(shown["eigenvalues"].numpy(), eigenvalues, rtol=1e-9)


@every_spectral
@pytest.mark.parametrize("d", [0.5, 0.3])
@pytest.mark.parametrize("truth", [TRUTH, COHERENT], ids=["non-coherent", "coherent"])
def test_answers_are_the_highest_peaks_of_a_grid_hundred_times_as_fine(cls, d, truth):
    truth = dataclasses.replace(truth, spacing=d)
    x = snapshots(truth, 40)
    ours = cls(truth)(x).numpy()
    fine = cls(truth, grid=36000)
    shown = fine.illustrations(x)
    P, grid = shown["spectrum"].numpy(), shown["grid_rad"][0].numpy()
    ends = "wrap" if d == 0.5 else "constant"
    padded = np.pad(P, ((0, 0), (1, 1)), ends)
    peaks = (padded[:, :-2] < P) & (padded[:, 2:] <= P)
    for answer, spectrum, peak in zip(ours, P, peaks):
        places = np.flatnonzero(peak)
        highest = places[np.argsort(-spectrum[places])][:3]
        missing = 3 - len(highest)
        assert np.isnan(answer).sum() == missing
        # A half period: −90° is 90°, where the spectrum has one period.
        apart = np.sin(answer[: 3 - missing]) - np.sin(np.sort(grid[highest]))
        if d == 0.5:
            apart = np.abs((np.sin(answer[: 3 - missing])[:, None] - np.sin(grid[highest])) % 2)
            apart = np.minimum(apart, 2 - apart).min(1)
        assert np.abs(apart).max() < np.deg2rad(180 / 36000)


def test_refined_peaks_are_where_the_spectrum_is_flat():
    truth, x = received((-41.237, 12.345, 60.123), snr_db=20.0)
    method = Music(truth)
    R = method.covariance(x).numpy()[0]
    for angle in method(x)[0].numpy():
        top = direct(Music, R, angle)
        steps = [direct(Music, R, angle + step) for step in (-1e-5, 1e-5)]
        assert max(steps) < top
        assert abs(steps[1] - steps[0]) < 1e-3 * (top - min(steps))


@every_one
@pytest.mark.parametrize("settings", [{}, FORWARD, MIRRORED], ids=str)
def test_one_source_without_noise_is_found_exactly(cls, settings):
    for angle in (-71.3, 0.0, 5.0, 48.2):
        truth, x = received((angle,))
        found = cls(truth, **settings)(x).item()
        assert found == pytest.approx(np.deg2rad(angle), abs=2e-8)


@pytest.mark.parametrize("cls", [Music, RootMusic, Esprit], ids=lambda cls: cls.__name__)
def test_coherent_sources_without_noise_are_found_with_smoothing_only(cls):
    truth = dataclasses.replace(COHERENT, path_phases="random")
    truth, x = received((-40.0, 5.0, 37.0), truth, snr_db=120.0, n=5)
    exact = np.deg2rad([-40.0, 5.0, 37.0])
    for settings in (FORWARD, MIRRORED, {**MIRRORED, "subarray": 6}):
        np.testing.assert_allclose(cls(truth, **settings)(x).numpy(), [exact] * 5, atol=1e-4)
    off = np.abs(cls(truth)(x).numpy() - exact)
    assert not (off < 0.01).all(1).any()  # NaN, where rounding says what the subspace is


# --- end points ---


@every_spectral
@pytest.mark.parametrize("angle", [-90.0, 90.0])
def test_a_source_at_end_fire_is_found(cls, angle):
    for d in (0.5, 0.35):
        truth, x = received((angle,), dataclasses.replace(TRUTH, spacing=d), snr_db=40.0)
        for settings in ({}, {"refine": False}):
            found = cls(truth, **settings)(x).item()
            apart = abs(np.rad2deg(found) - angle)
            assert (min(apart, 180 - apart) if d == 0.5 else apart) < 3


def test_example_3_9_passes_over_the_ends_of_its_grid():
    truth, x = received((90.0,), snr_db=300.0)
    assert Music(truth, refine=False)(x).item() == pytest.approx(-np.pi / 2)
    without = Music(truth, refine=False, ends=False)(x)
    assert without.isnan().all() or abs(abs(without.item()) - np.pi / 2) > 0.1


# --- what is not there ---


@every_one
@pytest.mark.parametrize("count", ["given", "mdl", "aic"])
def test_a_row_of_silence_has_no_angles_and_disturbs_no_other(cls, count):
    x = snapshots(TRUTH, 4)
    method = cls(TRUTH, count=count)
    alone = method(x)
    x[1] = 0
    answer = method(x)
    assert answer[1].isnan().all()
    for row in (0, 2, 3):
        torch.testing.assert_close(answer[row], alone[row], rtol=0, atol=1e-12, equal_nan=True)
    assert method(0 * x).isnan().all() and method(0 * x).shape == alone.shape
    shown = method.illustrations(x)
    assert all(len(part) == 4 for part in shown.values())


@every_spectral
def test_peaks_that_are_missing_are_nan(cls):
    """Two sources in one beam make one peak; the others of five sensors are side lobes."""
    truth = dataclasses.replace(TRUTH, n_sensors=3, n_sources=2, min_gap_deg=0.0)
    x = torch.ones(1, 3, 10, dtype=torch.complex128)  # one source at 0
    x += 1e-3 * snapshots(dataclasses.replace(truth, snr_db=0.0), 1)[..., :10]
    method = cls(truth)
    D = -method.illustrations(x)["spectrum"][0].numpy()
    n_peaks = ((np.roll(D, 1) > D) & (np.roll(D, -1) >= D)).sum()
    answer = method(x)[0]
    assert (~answer.isnan()).sum() == min(n_peaks, 2)
    assert not answer[0].isnan() and (answer.isnan().diff() >= 0).all()


@every_one
def test_columns_are_as_many_as_sources_can_be_where_they_are_counted(cls):
    truth = dataclasses.replace(TRUTH, max_angle_deg=60.0, min_gap_deg=30.0)
    x = snapshots(truth, 200)
    blind = dataclasses.replace(truth, n_sources=None)
    method = cls(blind, count="mdl")
    answer, counted = method(x), method.count_sources(x)
    assert answer.shape == (200, 7)
    right = counted == 3
    assert right.double().mean() > 0.9
    expected = cls(truth)(x)
    torch.testing.assert_close(answer[right, :3], expected[right], equal_nan=True)
    assert answer[right, 3:].isnan().all()
    assert (cls(truth).count_sources(x) == 3).all()


@every_one
def test_what_cannot_be_is_refused(cls):
    blind = dataclasses.replace(TRUTH, n_sources=None)
    with pytest.raises(ValueError, match="n_sources is asked for"):
        cls(blind)
    with pytest.raises(ValueError, match="spacing is asked for"):
        cls(dataclasses.replace(TRUTH, spacing=None))
    with pytest.raises(ValueError, match="subarray is 3: allowed is 4 to 8"):
        cls(TRUTH, smoothing="forward", subarray=3)
    with pytest.raises(ValueError, match="subarray is 4, and smoothing is none"):
        cls(TRUTH, subarray=4)
    with pytest.raises(ValueError, match="count is 'all'"):
        cls(TRUTH, count="all")
    with pytest.raises(ValueError, match="snapshots are real"):
        cls(TRUTH)(torch.zeros(2, 8, 10))
    with pytest.raises(ValueError, match="count is aic, and snapshots are 7"):
        cls(TRUTH, count="aic", **({"loading": 0.1} if cls is Mvdr else {}))(
            snapshots(dataclasses.replace(TRUTH, n_snapshots=7), 2)
        )
    few = cls(TRUTH, count="aic", smoothing="forward_backward")
    assert few(snapshots(dataclasses.replace(TRUTH, n_snapshots=1), 2)).shape == (2, 7)


def test_an_inverse_needs_snapshots_or_loading():
    few = snapshots(dataclasses.replace(TRUTH, n_snapshots=7), 5)
    with pytest.raises(ValueError, match="loading is 0, and snapshots are 7"):
        Mvdr(TRUTH)(few)
    method = Mvdr(TRUTH, loading=0.01)
    assert not method(few)[:, 0].isnan().any()
    R = method.covariance(few).numpy()
    raw = Music(TRUTH).covariance(few).numpy()
    power = np.trace(raw, axis1=1, axis2=2).real / 8
    np.testing.assert_allclose(R, raw + 0.01 * power[:, None, None] * np.eye(8), rtol=1e-12)


# --- what was found before ---


@cache
def trials(truth: Narrowband, n: int) -> Split:
    return truth.draw(n, "train", 101)


def score(method, truth: Narrowband, n: int = 5000) -> tuple[float, float]:
    split = trials(truth, n)
    errors = rmspe(method(torch.from_numpy(split.x)).numpy(), split, truth)
    return errors.mean(), errors.std() / np.sqrt(n)


EXAMPLE_3_9 = {"refine": False, "ends": False}
FOUND = [
    (Music, EXAMPLE_3_9, 0.0, 0.0346, 0.0017),
    (RootMusic, {}, 0.0, 0.0120, 0.0008),
    (Music, EXAMPLE_3_9, 1.0, 0.394, 0.003),
    (RootMusic, {}, 1.0, 0.412, 0.003),
    (RootMusic, FORWARD, 1.0, np.deg2rad(4.30), 0.0025),
    (Esprit, FORWARD, 1.0, np.deg2rad(4.07), 0.0025),
    (Esprit, {}, 1.0, np.deg2rad(24.8), 0.003),
    (RootMusic, MIRRORED, 1.0, np.deg2rad(2.02), 0.0018),
    (RootMusic, {**MIRRORED, "subarray": 6}, 1.0, np.deg2rad(1.85), 0.0018),
]


@pytest.mark.parametrize(("cls", "settings", "correlation", "mean", "error"), FOUND, ids=str)
def test_errors_are_those_of_an_independent_implementation(cls, settings, correlation, mean, error):
    """Of 5000 other trials of Example 3.9, and of smoothing at its setting."""
    truth = Narrowband(n_sources=3, n_snapshots=100, published_snr_db=10.0, correlation=correlation)
    ours, our_error = score(cls(truth, **settings), truth)
    assert ours == pytest.approx(mean, abs=3 * np.hypot(error, our_error))


def test_subspace_methods_are_ranked_as_theory_says():
    """On fixed angles: ESPRIT is some 1.4 times as far off as Root-MUSIC."""
    truth = dataclasses.replace(TRUTH, angles_deg=(-30.0, 5.0, 40.0), snr_db=10.0)
    root, esprit, bartlett = (
        score(cls(truth), truth, 2000)[0] for cls in (RootMusic, Esprit, Bartlett)
    )
    assert 1.2 < esprit / root < 1.6
    assert bartlett > 2 * root


def test_settings_of_all_are_the_same():
    shared = {"smoothing", "subarray", "count"}
    infos = catalogue.methods("doa")
    for name in ("bartlett", "mvdr", "music", "root_music", "esprit"):
        settings = infos[name].settings
        assert shared <= settings.keys()
        first = infos["music"].settings
        assert all(settings[one] == first[one] for one in shared)
