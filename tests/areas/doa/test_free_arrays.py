"""Sensors at given places, with given gains: what is drawn, who can use it, and refusals."""

import dataclasses
import json

import numpy as np
import pytest
import torch
from contract.instances import ANGLES

from mbdl_repro import catalogue
from mbdl_repro.areas.doa import bounds
from mbdl_repro.areas.doa.array import steering_at
from mbdl_repro.areas.doa.methods.bartlett import Bartlett
from mbdl_repro.areas.doa.methods.maximum_likelihood import MaximumLikelihood
from mbdl_repro.areas.doa.methods.music import Music
from mbdl_repro.areas.doa.methods.mvdr import Mvdr
from mbdl_repro.areas.doa.metrics import mspe
from mbdl_repro.areas.doa.scenario import Narrowband, Ofdm
from mbdl_repro.contract.seeding import rng_for

POSITIONS = np.array([0.0, 0.5, 1.1, 2.0, 2.3, 3.4])
GAINS = np.array([1.0, 0.8, 1.2, 0.9, 1.1, 1.0])
PHASES_DEG = np.array([0.0, 30.0, -50.0, 10.0, 80.0, 170.0])
FREE = Narrowband(
    n_sources=2,
    n_snapshots=50,
    snr_db=20.0,
    n_sensors=6,
    max_angle_deg=70.0,
    sensor_positions=POSITIONS,
    sensor_gains=GAINS,
    sensor_phases_deg=PHASES_DEG,
)
UNIFORM = dataclasses.replace(
    FREE, sensor_positions=None, sensor_gains=None, sensor_phases_deg=None
)
SPECTRAL = (Bartlett, Mvdr, Music)
ANY_ARRAY = (
    "angle_regressor",
    "bartlett",
    "convolutional",
    "fitted_array",
    "learned_likelihood",
    "maximum_likelihood",
    "music",
    "mvdr",
)


def snapshots(truth, n=5):
    split = truth.draw(n, "test")
    return torch.from_numpy(split.x).to(torch.complex128), split.s


def response(s: np.ndarray) -> np.ndarray:
    """Steering vectors (N, M), sensor by sensor."""
    return np.array(
        [
            g * np.exp(1j * np.deg2rad(phase)) * np.exp(-2j * np.pi * p * np.sin(s))
            for p, g, phase in zip(POSITIONS, GAINS, PHASES_DEG, strict=True)
        ]
    )


# --- what is drawn ---


def test_snapshots_are_those_of_the_given_array():
    truth = dataclasses.replace(FREE, snr_db=300.0)
    x, s = snapshots(truth)
    for own, angles in zip(x.numpy(), s, strict=True):
        A = response(angles)
        left = own - A @ np.linalg.lstsq(A, own, rcond=None)[0]
        assert np.abs(left).max() < 1e-5 * np.abs(own).max()


def test_broadband_sources_meet_the_given_array_at_each_frequency():
    known = {f.name: getattr(FREE, f.name) for f in dataclasses.fields(FREE)}
    known |= {"n_snapshots": 20, "n_sources": 1}
    truth = Ofdm(**known, n_subcarriers=10, bandwidth_hz=10.0, sampling_rate_hz=20.0)
    x, s = truth.received(3, rng_for("array"))
    X = np.fft.fft(x, axis=-1)[..., :10]  # sub-carrier l at l Hz
    expected = GAINS * np.exp(1j * np.deg2rad(PHASES_DEG))
    for own, angle in zip(X, s[:, 0], strict=True):
        for i in range(1, 10):
            a = expected * np.exp(-2j * np.pi * POSITIONS * i / 10 * np.sin(angle))
            np.testing.assert_allclose(own[:, i] / own[0, i], a / a[0], atol=1e-4)


def test_arrays_are_kept_as_numbers_that_compare_and_name_streams():
    again = dataclasses.replace(FREE, sensor_positions=list(POSITIONS))
    assert again == FREE and hash(again) == hash(FREE)
    assert again.identity() == FREE.identity()
    json.dumps(FREE.identity())
    np.testing.assert_array_equal(again.draw(2, "test").x, FREE.draw(2, "test").x)
    assert UNIFORM.identity()[1].keys() == {
        "n_sources",
        "n_snapshots",
        "snr_db",
        "n_sensors",
        "max_angle_deg",
    }
    given = dataclasses.replace(FREE, angles_deg=np.array([-10.0, 20.0]))
    assert given.angles_deg == (-10.0, 20.0) and hash(given)


def test_places_in_whole_wavelengths_are_as_precise():
    whole = dataclasses.replace(FREE, sensor_positions=(0, 1, 2, 3, 4, 6), sensor_gains=None)
    exact = dataclasses.replace(whole, sensor_positions=(0.0, 1.0, 2.0, 3.0, 4.0, 6.0))
    x, _ = snapshots(whole)
    assert torch.equal(x, snapshots(exact)[0])
    for cls in (Music, MaximumLikelihood):
        assert torch.equal(cls(whole)(x), cls(exact)(x))


def test_a_belief_may_have_the_uniform_array_that_it_is_not():
    belief = FREE.believed(sensor_positions=None, sensor_gains=None, sensor_phases_deg=None)
    assert belief == UNIFORM
    x, _ = snapshots(FREE, 300)
    right, wrong = (mspe(Music(b)(x).numpy(), FREE.draw(300, "test"), FREE) for b in (FREE, belief))
    assert np.median(wrong) > 100 * np.median(right)


# --- refusals ---


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"sensor_positions": POSITIONS[:5]}, r"sensor_positions has the shape \(5,\).*= 6"),
        (
            {"sensor_positions": POSITIONS[:, None]},
            r"sensor_positions\[0\] is \(0\.0,\)",
        ),
        ({"sensor_gains": 1.0}, "sensor_gains is 1.0: should be a list"),
        (
            {"sensor_gains": [1, 1, 1, 1, 1, np.inf]},
            r"sensor_gains\[5\] is inf: should be",
        ),
        ({"sensor_phases_deg": [np.nan] * 6}, r"sensor_phases_deg\[0\] is nan: should be"),
        ({"sensor_positions": [0, 1, 2, 0.3, 0.1 * 3, 4]}, "two sensors are at one place"),
        ({"sensor_positions": [1] * 6}, "two sensors are at one place"),
        (
            {"sensor_gains": [-1, 1, 1, 1, 1, 1]},
            r"sensor_gains\[0\] is -1: should be greater",
        ),
        ({"sensor_gains": [0] * 6}, "not all 0"),
        ({"snr_db": 301.0}, "snr_db is 301: allowed is -300 to 300"),
        ({"snr_db": np.nan}, "snr_db is nan: should be a finite"),
        ({"angles_deg": (0.0, np.nan)}, r"angles_deg\[1\] is nan: should be a finite"),
    ],
    ids=str,
)
def test_what_cannot_be_is_refused(fields, words):
    with pytest.raises(ValueError, match=words):
        dataclasses.replace(FREE, **fields)


@pytest.mark.parametrize("name", [info.name for info in ANGLES])
def test_who_needs_a_uniform_array_says_so_in_one_sentence(name):
    cls = catalogue.method_class(catalogue.methods("doa")[name])
    kind = Ofdm if name == "broadband_music" else Narrowband
    known = {f.name: getattr(FREE, f.name) for f in dataclasses.fields(FREE)}
    uneven = kind(**known | {"sensor_gains": None, "sensor_phases_deg": None})
    unlike = kind(**known | {"sensor_positions": None})
    sparse = kind(**known | {"sensor_positions": np.arange(6.0)} | {"sensor_gains": None})
    for belief in (uneven, unlike, sparse):
        if name in ANY_ARRAY:
            cls(belief)
        else:
            with pytest.raises(ValueError, match=f"{name} is made for a uniform array") as refused:
                cls(belief)
            assert "\n" not in str(refused.value)
    cls(dataclasses.replace(kind(**known), sensor_positions=0.4 * np.arange(6.0) + 3,
                            sensor_gains=[2.0] * 6, sensor_phases_deg=None))  # fmt: skip


@pytest.mark.parametrize("cls", SPECTRAL, ids=lambda cls: cls.__name__)
def test_sub_arrays_are_alike_only_in_uniform_arrays(cls):
    with pytest.raises(ValueError, match="with smoothing is made for a uniform array"):
        cls(FREE, smoothing="forward")


# --- who can use it ---


@pytest.mark.parametrize("cls", [*SPECTRAL, MaximumLikelihood], ids=lambda cls: cls.__name__)
def test_a_uniform_array_is_the_same_by_its_places(cls):
    """As places that are scanned one by one, by gains that all but are alike."""
    truth = dataclasses.replace(UNIFORM, spacing=0.4)
    x, _ = snapshots(truth, 40)
    free = dataclasses.replace(
        truth, sensor_positions=0.4 * np.arange(6), sensor_gains=[1.0] * 5 + [1 + 2e-9]
    )
    assert truth.is_uniform and not free.is_uniform
    np.testing.assert_allclose(cls(free)(x).numpy(), cls(truth)(x).numpy(), atol=1e-6)


@pytest.mark.parametrize("cls", SPECTRAL, ids=lambda cls: cls.__name__)
def test_the_spectrum_is_what_its_definition_says(cls):
    x, _ = snapshots(FREE)
    method = cls(FREE, grid=50)
    shown = method.illustrations(x)
    grid = np.deg2rad(-90 + 3.6 * np.arange(51))
    np.testing.assert_allclose(shown["grid_rad"].numpy(), np.tile(grid, (5, 1)), atol=1e-14)
    A = response(grid)
    for own, spectrum in zip(x.numpy(), shown["spectrum"].numpy(), strict=True):
        R = own @ own.conj().T / 50
        Un = np.linalg.svd(own)[0][:, 2:]
        expected = {
            Bartlett: np.einsum("ng,nm,mg->g", A.conj(), R, A).real / 36,
            Mvdr: 1 / np.einsum("ng,nm,mg->g", A.conj(), np.linalg.inv(R), A).real,
            Music: 1 / (np.abs(Un.conj().T @ A) ** 2).sum(0),
        }[cls]
        np.testing.assert_allclose(spectrum, expected, rtol=1e-8)


@pytest.mark.parametrize("cls", SPECTRAL, ids=lambda cls: cls.__name__)
def test_answers_are_the_highest_peaks_of_a_finer_grid(cls):
    x, _ = snapshots(FREE, 30)
    ours = cls(FREE)(x).numpy()
    shown = cls(FREE, grid=36000).illustrations(x[:30])
    P, grid = shown["spectrum"].numpy(), shown["grid_rad"][0].numpy()
    padded = np.pad(P, ((0, 0), (1, 1)))
    peaks = (padded[:, :-2] < P) & (padded[:, 2:] <= P)
    for answer, spectrum, peak in zip(ours, P, peaks, strict=True):
        places = np.flatnonzero(peak)
        highest = np.sort(grid[places[np.argsort(-spectrum[places])][:2]])
        np.testing.assert_allclose(np.sin(answer[: len(highest)]), np.sin(highest), atol=2e-4)


@pytest.mark.parametrize("waveforms", ["free", "shared"])
def test_nothing_on_a_fine_grid_is_likelier(waveforms):
    correlation = float(waveforms == "shared")
    truth = dataclasses.replace(FREE, n_snapshots=5, snr_db=5.0, correlation=correlation)
    x, _ = snapshots(truth, 15)
    estimate = MaximumLikelihood(truth, waveforms=waveforms, starts=8)(x).numpy()
    u = np.arcsin(np.linspace(-1, 1, 161))
    pairs = np.stack(np.meshgrid(u, u), -1).reshape(-1, 2)
    pairs = pairs[pairs[:, 0] < pairs[:, 1] - 0.01]

    def explained(angles: np.ndarray, R: np.ndarray) -> np.ndarray:
        A = np.moveaxis(response(angles), 0, 1)
        if waveforms == "shared":
            A = A.sum(-1, keepdims=True)
        return np.einsum("kij,ji->k", A @ np.linalg.pinv(A), R).real

    for own, theta in zip(x.numpy(), estimate, strict=True):
        R = own @ own.conj().T
        assert explained(theta[None], R)[0] >= explained(pairs, R).max()


def test_estimators_reach_the_bound_of_the_given_array():
    truth = dataclasses.replace(FREE, angles_deg=(-25.0, 30.0), n_snapshots=200)
    x, _ = snapshots(truth, 600)
    least = bounds.stochastic_crb_mspe(truth)
    for method in (Music(truth), MaximumLikelihood(truth)):
        errors = mspe(method(x).numpy(), truth.draw(600, "test"), truth)
        margin = 4 * errors.std() / np.sqrt(600)
        assert least - margin < errors.mean() < 1.1 * least + margin


def test_no_estimator_of_the_given_array_is_below_the_floor():
    truth = dataclasses.replace(FREE, n_snapshots=5, snr_db=5.0)
    x, _ = snapshots(truth, 400)
    errors = mspe(MaximumLikelihood(truth)(x).numpy(), truth.draw(400, "test"), truth)
    floor = bounds.told_the_rest_mspe(truth)
    assert floor < errors.mean() + 4 * errors.std() / np.sqrt(400)
    alone = dataclasses.replace(truth, n_sources=1, snr_db=40.0, n_snapshots=100)
    crb = bounds.stochastic_crb_mspe(alone)
    assert 0.9 * crb < bounds.told_the_rest_mspe(alone) < 1.02 * crb


def test_steering_is_of_arrays_and_tensors_alike():
    angle = np.array([[0.3, -0.2]])
    both = steering_at(torch.from_numpy(angle), torch.from_numpy(POSITIONS))
    np.testing.assert_allclose(both.numpy(), steering_at(angle, POSITIONS), rtol=1e-14)
