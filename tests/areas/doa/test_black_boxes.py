"""Networks from snapshots to angles: their parts by other means, and what they refuse."""

import dataclasses
import math

import numpy as np
import pytest
import torch

from mbdl_repro.areas.doa.methods.angle_regressor import AngleRegressor
from mbdl_repro.areas.doa.methods.convolutional import Convolutional
from mbdl_repro.areas.doa.methods.da_music import FLOOR, DaMusic
from mbdl_repro.areas.doa.metrics import rmspe
from mbdl_repro.areas.doa.scenario import Narrowband
from mbdl_repro.areas.doa.signal.features import scaled_covariance
from mbdl_repro.contract.scenario import Split
from mbdl_repro.contract.seeding import rng_for, torch_rng_for
from mbdl_repro.learning.recipe import Recipe

TRUTH = Narrowband(n_sources=2, n_snapshots=12, snr_db=20.0, n_sensors=5, correlation=1.0)
CLASSES = [AngleRegressor, Convolutional, DaMusic]

every_class = pytest.mark.parametrize("cls", CLASSES)


def drawn(n=6, *stream):
    return Split(*(torch.from_numpy(part) for part in TRUTH.draw(n, *(stream or ("test",)))))


def started(cls, **settings):
    """Return a method with random weights, that has seen no target but in its measures."""
    method = cls(TRUTH, **settings)
    method.initialize(method.prepare(drawn(200, "train")), torch_rng_for("start"))
    return method


# --- what networks see ---


def test_the_covariance_has_no_scale():
    x = drawn().x
    R = scaled_covariance(x, 5)
    torch.testing.assert_close(scaled_covariance(1e-3j * x, 5), R, rtol=1e-5, atol=1e-6)
    assert R.diagonal(dim1=-2, dim2=-1).real.mean(-1).tolist() == pytest.approx([1.0] * 6)
    for row, own in zip(R.numpy(), x.numpy()):
        outer = sum(np.outer(t, t.conj()) for t in own.T)
        np.testing.assert_allclose(row, outer * 5 / np.trace(outer).real, atol=1e-6)


@pytest.mark.parametrize("cls", [AngleRegressor, Convolutional])
def test_features_hold_the_whole_covariance(cls):
    x = drawn().x
    R = scaled_covariance(x, 5)
    features = cls(TRUTH).features(x)
    if cls is AngleRegressor:
        again = torch.zeros_like(R)
        i, j = torch.triu_indices(5, 5, 1)
        again[:, i, j] = torch.complex(features[:, 5:15], features[:, 15:])
        again = again + again.mH + torch.diag_embed(features[:, :5]).to(R)
    else:
        again = torch.complex(features[:, 0], features[:, 1])
        torch.testing.assert_close(torch.polar(R.abs(), features[:, 2]), R)
    torch.testing.assert_close(again, R)


@pytest.mark.parametrize("cls", [AngleRegressor, Convolutional])
def test_a_fit_is_prepared_with_features(cls):
    method, split = cls(TRUTH), drawn()
    x, s = method.prepare(split)
    torch.testing.assert_close(x, method.features(split.x))
    assert s is split.s


@pytest.mark.parametrize("cls", CLASSES)
def test_answers_do_not_depend_on_scale_and_phase(cls):
    method, x = started(cls), drawn().x.to(torch.complex128)
    with torch.no_grad():
        if cls is DaMusic:  # which sees phases
            torch.testing.assert_close(method(100 * x), method(x))
        else:
            torch.testing.assert_close(method(100j * x), method(x))


# --- the regressor ---


def test_a_regressor_learns_angles_and_half_turns():
    """Few sensors, much data: far below guessing; and −90° stands beside 90°."""
    method = AngleRegressor(TRUTH, hidden_widths=(64, 64))
    recipe = Recipe(
        learning_rate=4e-3, steps=600, batch_size=128, validate_every=200, precision="single"
    )
    method.fit(drawn(4000, "train"), drawn(300, "validation"), recipe, torch_rng_for("fit"))
    test = TRUTH.draw(500, "test")
    with torch.no_grad():
        estimate = method(torch.from_numpy(test.x)).numpy()
    assert rmspe(estimate, test, TRUTH).mean() < 0.15  # guessing: 0.66
    assert (np.abs(estimate) <= np.pi / 2).all() and (np.diff(estimate, axis=1) >= 0).all()


def test_a_step_over_90_degrees_is_as_small_as_any():
    """The last layer turns (cos 2θ, sin 2θ) round, with neither a jump of the loss nor of it."""
    method = AngleRegressor(TRUTH, hidden_widths=())
    with torch.no_grad():
        method.network.weights[0].zero_()
        x = drawn(1).x
        losses = []
        for turn in np.deg2rad([89.9, 90.1]):
            at = np.array([0.1, turn])
            pairs = np.stack([np.cos(2 * at), np.sin(2 * at)], -1).ravel()
            method.network.offsets[0].copy_(torch.from_numpy(pairs))
            s = torch.tensor([[-math.pi / 2, 0.1]], dtype=torch.float64)
            losses.append(method.loss_on(Split(x, s)))
    expected = np.deg2rad(0.1) / np.sqrt(2)
    assert losses == pytest.approx([expected, expected], rel=1e-5)


# --- the classifier ---


def with_output(method, logits):
    """Make a classifier answer with given logits, whatever it sees."""
    with torch.no_grad():
        for parameter in method.parameters():
            parameter.zero_()
        method.network.offsets[-1].copy_(logits)
    return method


def bells(degrees, height=3.0, width=2.0, grid=180):
    """Return logits of probabilities that are bells over the circle of angles."""
    angles = -90 + np.arange(grid) * 180 / grid
    away = (angles - np.asarray(degrees)[:, None] + 90) % 180 - 90
    p = (np.exp(-(away**2) / 2 / width**2) * 0.9).max(0).clip(1e-9)
    return torch.from_numpy(np.log(p / (1 - p)))


@pytest.mark.parametrize("degrees", [[-40.3, 20.6], [-89.8, 0.0], [-45.0, 89.7]])
def test_peaks_of_targets_are_the_angles(degrees):
    method = with_output(Convolutional(TRUTH, label_width_deg=2.0), bells(degrees))
    with torch.no_grad():
        estimate = method(drawn(2).x)
    away = (np.rad2deg(estimate[0].numpy()) - np.array(degrees) + 90) % 180 - 90
    assert np.abs(away).max() < 0.01
    shown = method.illustrations(drawn(2).x)
    assert shown["spectrum"].shape == shown["grid_rad"].shape == (2, 180)


def test_fewer_peaks_than_sources_are_not_made_up():
    method = with_output(Convolutional(TRUTH), bells([30.0]))
    with torch.no_grad():
        estimate = method(drawn(3).x)
    np.testing.assert_allclose(estimate[:, 0], np.deg2rad(30), atol=1e-4)
    assert estimate[:, 1].isnan().all()


def test_the_loss_is_a_cross_entropy_over_the_grid():
    """Written out for one angle of the grid at a time; least where p is the target."""
    x, s = drawn(4)
    method = started(Convolutional, grid=36, label_width_deg=5.0, hidden_widths=(7,))
    p = method.illustrations(x)["spectrum"].detach().numpy()
    total = 0.0
    for row, angles in zip(p, np.rad2deg(s.numpy())):
        for g, p_g in enumerate(row):
            away = min(abs(-90 + 5 * g - a + turn) for a in angles for turn in (-180, 0, 180))
            q = math.exp(-((away / 5) ** 2) / 2)
            total -= q * math.log(p_g) + (1 - q) * math.log(1 - p_g)
    assert method.loss_on(Split(x, s)) == pytest.approx(total / 4)


def test_a_classifier_starts_at_the_share_of_angles_with_a_source():
    p = started(Convolutional, label_width_deg=1.0).illustrations(drawn(50).x)["spectrum"]
    expected = 2 * math.sqrt(2 * math.pi) * 1.0 / 180
    assert p.detach().median().item() == pytest.approx(expected, rel=0.5)


def test_convolutions_that_leave_nothing_are_refused():
    with pytest.raises(ValueError, match=r"kernel is 3.*nothing of 5 sensors"):
        Convolutional(TRUTH, kernel=3, channels=(4, 4, 4))
    flat = Convolutional(TRUTH, kernel=3, channels=(4, 4)).network.weights[0]
    assert flat.shape[1] == 4  # one pixel


# --- DA-MUSIC ---


def test_da_music_is_what_it_says_step_by_step():
    """Units in a loop, a spectrum from NumPy's own noise subspace, layers by hand."""
    method = started(DaMusic, hidden_size=4, hidden_widths=(6,), grid=30)
    x = drawn(3).x
    with torch.no_grad():
        ours, R = method(x).numpy(), method.covariance(x).numpy()
        shown = method.illustrations(x)
    w = {name: p.detach().numpy() for name, p in method.named_parameters()}

    def sigmoid(z):
        return 1 / (1 + np.exp(-z))

    for i, own in enumerate(x.numpy().astype(complex)):
        own = own / np.sqrt((np.abs(own) ** 2).mean())
        h = np.zeros(4)
        for t in own.T:
            fed = (np.concatenate([t.real, t.imag]) @ w["recurrent.of_input"]).reshape(3, 4)
            back = (h @ w["recurrent.of_hidden"]).reshape(3, 4)
            b = w["recurrent.bias"].reshape(4, 4)
            r, z = sigmoid(fed[:2] + back[:2] + b[:2])
            h = z * h + (1 - z) * np.tanh(fed[2] + b[2] + r * (back[2] + b[3]))
        K = (h @ w["to_matrix.weight"] + w["to_matrix.bias"]).reshape(2, 5, 5)
        K = K[0] + 1j * K[1]
        np.testing.assert_allclose(R[i], K @ K.conj().T, atol=1e-12)
        Un = np.linalg.svd(R[i])[0][:, 2:]
        grid = -np.pi / 2 + np.pi * np.arange(30) / 30
        a = np.exp(-1j * np.pi * np.outer(np.arange(5), np.sin(grid)))
        P = 1 / ((np.abs(Un.conj().T @ a) ** 2).sum(0) / 5 + FLOOR)
        np.testing.assert_allclose(shown["spectrum"][i], P, rtol=1e-8)
        z = np.maximum(w["dense.weights.0"] @ ((P - P.mean()) / 10) + w["dense.offsets.0"], 0)
        theta = w["dense.weights.1"] @ z + w["dense.offsets.1"]
        wrapped = np.sort((theta + np.pi / 2) % np.pi - np.pi / 2)
        np.testing.assert_allclose(ours[i], wrapped, atol=1e-8)


def test_da_music_is_of_about_the_published_size():
    """10 123 weights in the authors' program, at M = 3 (10 194 in their paper)."""
    method = DaMusic(Narrowband(n_sources=3, n_snapshots=100, snr_db=20.0))
    assert 10_000 < sum(p.numel() for p in method.parameters()) < 10_300


def test_da_music_draws_no_number_from_the_global_generator():
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    DaMusic(TRUTH)
    assert torch.equal(torch.rand(3), expected)


# --- what is refused, and what has no answer ---


@every_class
def test_a_row_without_snapshots_has_no_angles(cls):
    method, x = started(cls), drawn().x
    x[2] = 0
    with torch.no_grad():
        estimate = method(x)
    assert estimate[2].isnan().all()
    others = estimate[[0, 1, 3, 4, 5]]
    assert not others[:, 0].isnan().any()


@every_class
def test_snapshots_of_another_array_are_refused(cls):
    method = started(cls)
    with pytest.raises(ValueError, match=r"shape \(6, 4, 12\).*5 sensors"):
        method(drawn().x[:, :4])


@every_class
def test_what_is_not_known_is_asked_for(cls):
    with pytest.raises(ValueError, match="n_sources"):
        cls(dataclasses.replace(TRUTH, n_sources=None))
    unknown = dataclasses.replace(TRUTH, spacing=None)
    if cls is DaMusic:
        with pytest.raises(ValueError, match="spacing"):
            cls(unknown)
    else:
        cls(unknown)


@every_class
def test_fits_begin_elsewhere_with_another_generator(cls):
    one, other = cls(TRUTH), cls(TRUTH)
    one.initialize(one.prepare(drawn(50, "train")), torch_rng_for("a"))
    other.initialize(other.prepare(drawn(50, "train")), torch_rng_for("b"))
    for a, b in zip(one.parameters(), other.parameters()):
        assert a.ndim == 1 or not torch.equal(a, b)
    assert rng_for("a").random() != rng_for("b").random()
