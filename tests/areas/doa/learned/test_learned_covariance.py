"""SubspaceNet and its predecessor: features, network, covariance, losses, decoders, and fits."""

import itertools
import math

import numpy as np
import pytest
import torch
from gradients import assert_slopes_are_those_of_differences

from mbdl_repro.areas.doa.array import steering
from mbdl_repro.areas.doa.learned.lag_autoencoder import LEAK, LagAutoencoder, structured
from mbdl_repro.areas.doa.methods.deep_root_music import DeepRootMusic
from mbdl_repro.areas.doa.methods.root_music import RootMusic
from mbdl_repro.areas.doa.methods.subspacenet import Subspacenet
from mbdl_repro.areas.doa.metrics import squared_errors
from mbdl_repro.areas.doa.scenario import Narrowband
from mbdl_repro.areas.doa.signal.features import lag_features
from mbdl_repro.areas.doa.signal.subspace import signal_subspace
from mbdl_repro.contract.method import Method
from mbdl_repro.contract.scenario import Split
from mbdl_repro.contract.seeding import torch_rng_for
from mbdl_repro.learning.recipe import Recipe

EPS = float(np.finfo(float).eps)
EXAMPLE = Narrowband(n_sources=3, n_snapshots=100, published_snr_db=10.0, correlation=1.0)
SMALL = Narrowband(n_sources=2, n_snapshots=12, snr_db=20.0, n_sensors=6, correlation=1.0)
TINY = {"lags": 2, "channels": (2, 2, 2)}
LOSSES = ("esprit", "root_music", "both", "subspace", "subspace_esprit")
STRUCTURES = ("free", "persymmetric", "toeplitz")


def pairs(truth, n, *stream):
    return Split(*(torch.from_numpy(part) for part in truth.draw(n, *stream)))


def ideal(truth, n=50):
    """Covariances of sources that are not coherent, as of infinitely many snapshots."""
    s = torch.from_numpy(truth.draw(n, "validation", "ideal").s)
    A = steering(s, truth.n_sensors, truth.spacing)
    eye = torch.eye(truth.n_sensors, dtype=A.dtype)
    return A @ A.mH + 0.01 * eye, s


# --- the network, and what it reads ---


def test_the_number_of_weights_is_that_of_the_published_networks():
    def n_weights(method):
        return sum(p.numel() for p in method.parameters())

    assert n_weights(Subspacenet(EXAMPLE)) == 41_761
    assert n_weights(DeepRootMusic(EXAMPLE)) == 21_217


def test_features_are_those_of_a_loop_over_snapshots():
    x = pairs(SMALL, 3, "validation").x.to(torch.complex128)
    N, T, lags = 6, 12, 12
    expected = np.zeros((3, lags, 2 * N, N))
    for row, lag in itertools.product(range(3), range(lags)):
        X = x[row].numpy()
        R = sum(np.outer(X[:, t], X[:, t + lag].conj()) for t in range(T - lag)) / (T - lag)
        R = R / (np.linalg.norm(X) ** 2 / (N * T))
        expected[row, lag] = np.vstack([R.real, R.imag])
    assert lag_features(x, lags).numpy() == pytest.approx(expected, abs=100 * EPS)


@pytest.mark.parametrize("activation", ["anti_rectifier", "leaky_rectifier"])
def test_the_network_is_that_of_sums_over_kernels(activation):
    rng = torch_rng_for("network")
    network = LagAutoencoder(3, (2, 3, 2), activation)
    network.draw(rng)
    features = torch.randn(2, 3, 8, 4, generator=rng, dtype=torch.float64)
    h = features.numpy()
    for i, layer in enumerate(network.layers):
        W, b = layer.weight.detach().mT.numpy(), layer.bias.detach().numpy()
        n, _, rows, columns = h.shape
        if i < 3:
            out = np.zeros((n, W.shape[0], rows - 1, columns - 1))
            for u, v in itertools.product(range(2), range(2)):
                part = h[:, :, u : u + rows - 1, v : v + columns - 1]
                out += np.einsum("oi,nirc->norc", W[:, :, u, v], part)
        else:
            out = np.zeros((n, W.shape[1], rows + 1, columns + 1))
            for u, v in itertools.product(range(2), range(2)):
                out[:, :, u : u + rows, v : v + columns] += np.einsum(
                    "io,nirc->norc", W[:, :, u, v], h
                )
        h = out + b[:, None, None]
        if i < 5 and activation == "anti_rectifier":
            h = np.concatenate([np.maximum(h, 0), np.maximum(-h, 0)], 1)
        elif i < 5:
            h = np.where(h > 0, h, LEAK * h)
    with torch.no_grad():
        assert network(features).numpy() == pytest.approx(h[:, 0], abs=1e3 * EPS)


def test_weights_keep_the_size_of_what_passes():
    network = LagAutoencoder(8, (16, 32, 64), "anti_rectifier")
    features = torch.randn(200, 8, 16, 8, generator=torch_rng_for("size"), dtype=torch.float64)
    sizes = []
    for seed in range(5):
        network.draw(torch_rng_for("weights", seed))
        with torch.no_grad():
            # Where kernels hang over the border, fewer entries are added.
            sizes.append(network(features)[:, 3:-3, 3:-3].square().mean().item())
    # One channel is left, of independent weights: its size is random, and so is a mean of five.
    assert 0.3 < np.mean(sizes) < 3


# --- the covariance ---


@pytest.mark.parametrize("structure", STRUCTURES)
def test_the_covariance_is_the_nearest_of_its_structure(structure):
    x = pairs(SMALL, 4, "validation").x
    free = Subspacenet(SMALL, **TINY).covariance(x).detach()
    ours = Subspacenet(SMALL, **TINY, structure=structure).covariance(x).detach()
    torch.testing.assert_close(ours, structured(free, structure))
    N = SMALL.n_sensors
    if structure == "free":
        assert torch.equal(ours, free)
        assert (torch.linalg.eigvalsh(ours) > 1 - 1e-9).all()
        return
    # Over the reals, a basis of all complex matrices that have the structure, and least squares.
    units = [np.eye(1, N * N, k).reshape(N, N) * f for k in range(N * N) for f in (1, 1j)]
    if structure == "persymmetric":
        basis = [u + u.conj()[::-1, ::-1] for u in units]
    else:
        basis = [np.eye(N, k=k) * f for k in range(1 - N, N) for f in (1, 1j)]
    B = np.stack([np.concatenate([b.real.ravel(), b.imag.ravel()]) for b in basis], 1)
    for R, nearest in zip(free.numpy(), ours.numpy(), strict=True):
        flat = np.concatenate([R.real.ravel(), R.imag.ravel()])
        projected = B @ np.linalg.lstsq(B, flat, rcond=None)[0]
        expected = (projected[: N * N] + 1j * projected[N * N :]).reshape(N, N)
        assert nearest == pytest.approx(expected, abs=1e4 * EPS * np.abs(R).max())


@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize("decoder", ["root_music", "esprit", "music"])
def test_of_an_ideal_covariance_every_decoder_says_the_truth(decoder, structure):
    R, s = ideal(EXAMPLE)
    method = Subspacenet(EXAMPLE, decoder=decoder)
    answer = method.angles(structured(R, structure), decoder)
    # Of a null spectrum that is zero on the circle, roots are known to √ε only.
    inner = s.abs() < np.deg2rad(80)
    assert inner.sum() > 100
    assert (answer - s)[inner].abs().max() < 1e-6


def test_what_is_shown_peaks_where_the_sources_are():
    truth = Narrowband(
        n_sources=2, n_snapshots=50, snr_db=40.0, angles_deg=(-20.0, 31.0), correlation=0.0
    )
    method = Subspacenet(truth, lags=1)
    R, s = ideal(truth, 1)
    method.covariance = lambda x: R
    shown = method.illustrations(pairs(truth, 1, "validation").x)
    assert shown["spectrum"].shape == shown["grid_rad"].shape == (1, 360)
    two = shown["grid_rad"][0, shown["spectrum"][0].topk(2).indices].sort().values
    assert (two - s[0]).abs().max() <= np.pi / 360
    nearest = shown["root_rad"][0, :2].sort().values
    assert (nearest - s[0]).abs().max() < 1e-6
    assert shown["root_radius"][0, :2].numpy() == pytest.approx(1, abs=1e-6)
    signal = np.linalg.svd(steering(s[0].numpy(), 8, 0.5), compute_uv=False) ** 2
    assert shown["eigenvalues"][0, :2].numpy() == pytest.approx(signal + 0.01, rel=1e-9)
    assert shown["eigenvalues"][0, 2:].numpy() == pytest.approx(0.01, rel=1e-9)


@pytest.mark.parametrize("cls", [Subspacenet, DeepRootMusic])
def test_an_answer_in_single_precision_is_that_in_double(cls):
    method, x = cls(EXAMPLE), pairs(EXAMPLE, 40, "validation").x
    double = method.covariance(x).detach()
    with torch.no_grad():
        single = method.covariance(x)
    assert single.dtype == double.dtype == torch.complex128
    off = torch.linalg.matrix_norm(single - double) / torch.linalg.matrix_norm(double)
    assert 0 < off.max() < 100 * torch.finfo(torch.float32).eps


# --- losses ---


def test_the_subspace_loss_is_the_sine_of_an_angle():
    method = Subspacenet(SMALL, **TINY)
    x, s = pairs(SMALL, 20, "validation")
    with torch.no_grad():
        R = method.covariance(x)
        ours = method.subspace_loss(signal_subspace(R, 2), s).item()
    sines = []
    for covariance, angles in zip(R.numpy(), s.numpy(), strict=True):
        U = np.linalg.svd(covariance)[0][:, :2]
        squares = []
        for theta in angles:
            a = np.exp(-1j * np.pi * np.arange(6) * np.sin(theta))
            nearest = U @ np.linalg.lstsq(U, a, rcond=None)[0]
            cosine = np.linalg.norm(nearest) / np.linalg.norm(a)
            squares.append(np.sin(np.arccos(min(cosine, 1.0))) ** 2)
        sines.append(np.sqrt(np.mean(squares)))
    assert ours == pytest.approx(np.mean(sines), rel=1e-6)


def test_of_an_ideal_covariance_no_loss_is_left():
    R, s = ideal(SMALL)
    method = Subspacenet(SMALL, **TINY)
    assert method.subspace_loss(signal_subspace(R, 2), s).item() < 2e-5  # √SMALLEST is 1e-5


@pytest.mark.parametrize(
    ("trained_through", "structure"), list(zip(LOSSES, STRUCTURES + STRUCTURES, strict=False))
)
def test_gradients_are_those_of_finite_differences(trained_through, structure):
    method = Subspacenet(SMALL, **TINY, trained_through=trained_through, structure=structure)
    method.initialize(pairs(SMALL, 1, "train"), torch_rng_for("gradients"))
    x, s = method.prepare(pairs(SMALL, 4, "validation", 3))
    rng = torch_rng_for("directions")
    assert_slopes_are_those_of_differences(method, lambda: method.loss(x, s), rng)


# --- fits ---

SHORT = Recipe(learning_rate=3e-3, steps=12, batch_size=16, validate_every=4, clip_norm=1.0)


def fitted(method, recipe=SHORT, truth=SMALL, n_train=64):
    train, validation = pairs(truth, n_train, "train", 100), pairs(truth, 200, "validation", 100)
    return method, method.fit(train, validation, recipe, torch_rng_for("fit"))


def test_a_fit_on_features_made_once_is_a_fit_on_snapshots():
    ours, history = fitted(Subspacenet(SMALL, **TINY))
    plain = Subspacenet(SMALL, **TINY)
    train, validation = pairs(SMALL, 64, "train", 100), pairs(SMALL, 200, "validation", 100)
    expected = Method.fit(plain, train, validation, SHORT, torch_rng_for("fit"))
    for row, other in zip(history, expected, strict=True):
        assert row == pytest.approx(other, rel=1e-9, nan_ok=True)
    for p, q in zip(ours.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(p, q)


def test_single_precision_starts_as_double():
    _, double = fitted(Subspacenet(SMALL, **TINY))
    single = SHORT.model_copy(update={"precision": "single"})
    method, history = fitted(Subspacenet(SMALL, **TINY), single)
    assert history[0]["validation_loss"] == pytest.approx(double[0]["validation_loss"], rel=1e-4)
    assert all(p.dtype == torch.float64 for p in method.parameters())


def test_no_fit_depends_on_the_decoder():
    methods = [
        fitted(Subspacenet(SMALL, **TINY, decoder=decoder, grid=grid))[0]
        for decoder, grid in (("root_music", 360), ("music", 90))
    ]
    assert Subspacenet.not_fitted == ("decoder", "grid", "refine")
    first, second = (method.state_dict() for method in methods)
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_of_coherent_sources_a_short_fit_tells_more_than_root_music():
    recipe = Recipe(
        learning_rate=1e-2,
        steps=100,
        batch_size=64,
        validate_every=25,
        clip_norm=1.0,
        precision="single",
    )
    method, _ = fitted(
        Subspacenet(SMALL, lags=2, channels=(4, 8, 8), structure="toeplitz"), recipe, n_train=2000
    )
    test = SMALL.draw(1000, "test", 100)
    with torch.no_grad():
        x = torch.from_numpy(test.x)
        ours, plain = (
            np.sqrt(squared_errors(m(x).numpy(), test.s).mean(1))
            for m in (method, RootMusic(SMALL))
        )
    gain = plain - 2 * ours
    assert gain.mean() > 4 * gain.std(ddof=1) / math.sqrt(len(gain))


# --- bad input ---


def test_more_lags_than_snapshots_are_refused():
    two = Narrowband(n_sources=2, n_snapshots=2, snr_db=10.0)
    with pytest.raises(ValueError, match=r"lags is 8: allowed is 1 to n_snapshots, which is 2"):
        Subspacenet(two)
    with pytest.raises(ValueError, match=r"lags is 8: allowed is 1 to n_snapshots, which is 2"):
        DeepRootMusic(two)
    method = Subspacenet(two, lags=1)
    assert torch.isfinite(method(pairs(two, 3, "validation").x)).all()
    with pytest.raises(ValueError, match=r"lags is 8: allowed is 1 to 3"):
        Subspacenet(EXAMPLE)(pairs(EXAMPLE, 2, "validation").x[..., :3])


def test_snapshots_that_are_all_zero_have_no_angles():
    x = pairs(SMALL, 3, "validation").x
    for method in (Subspacenet(SMALL, **TINY), DeepRootMusic(SMALL, **TINY)):
        expected = method(x).detach()
        holed = torch.cat([x[:1], torch.zeros_like(x[:1]), x[1:]])
        answer = method(holed).detach()
        assert answer[1].isnan().all()
        torch.testing.assert_close(answer[[0, 2, 3]], expected)
        assert method(torch.zeros_like(x)).isnan().all()


def test_the_unit_of_snapshots_means_nothing():
    x = pairs(SMALL, 5, "validation").x
    method = Subspacenet(SMALL, **TINY)
    torch.testing.assert_close(method(1e-3 * x), method(x), rtol=0, atol=1e-4)
    # 1000 is no power of two: x has been rounded, to single precision. Of 1024, nothing is.
    assert torch.equal(method(1024 * x), method(x))
