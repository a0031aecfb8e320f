"""Rules from laws of images that were fitted, and a fitted filter: against dense matrices."""

import dataclasses
import itertools

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal

from mbdl_repro.areas.image_restoration.methods.learned_filter import LearnedFilter
from mbdl_repro.areas.image_restoration.methods.patch_mixture import PatchMixture
from mbdl_repro.areas.image_restoration.methods.stationary_gaussian import StationaryGaussian
from mbdl_repro.areas.image_restoration.physics.linear_map import LinearMap
from mbdl_repro.areas.image_restoration.physics.operators import operator_of
from mbdl_repro.areas.image_restoration.priors.gaussian_mixture import (
    Mixture,
    averaged,
    denoised,
    expectation_maximization,
    log_joint,
    posterior_mean,
    windows,
)
from mbdl_repro.areas.image_restoration.scenario import Photographs
from mbdl_repro.areas.linear_estimation.updates import linear_mmse_gain
from mbdl_repro.contract.scenario import Split
from mbdl_repro.contract.seeding import rng_for, torch_rng_for


def _spread(x):
    s = np.zeros((len(x), 12, 12))
    s[:, ::3] = x
    return s


SIDES = {"side": 12, "patch_side": 12, "block_side": 12}
SENSED = Photographs(degradation="compressed_sensing", ratio=0.4, noise_std=0.05, **SIDES)
OF_EACH = [
    SENSED,
    dataclasses.replace(SENSED, side=16, patch_side=8, block_side=8),
    dataclasses.replace(SENSED, degradation="deblurring", blur_std=0.9),
    dataclasses.replace(SENSED, degradation="super_resolution", factor=2, blur_std=0.6),
    dataclasses.replace(SENSED, degradation="denoising"),
    dataclasses.replace(SENSED, degradation=LinearMap(lambda s: s[:, ::3], _spread, name="rows")),
]
of_each = pytest.mark.parametrize("truth", OF_EACH, ids=lambda t: f"{t._name}, {t.patch_side}")


def split(truth, n, *stream):
    return Split(*map(torch.from_numpy, truth.draw(n, *stream)))


def dense(linear, side):
    return linear(torch.eye(side * side, dtype=torch.float64).view(-1, side, side)).flatten(1).mT


# --- stationary Gaussian ---


def fitted_gaussian(truth, n=30):
    method = StationaryGaussian(truth)
    train = split(truth, n, "train", 0)
    method.fit(train, split(truth, 5, "validation", 0))
    return method, train


def test_the_covariance_is_that_of_all_pairs_of_pixels_by_lag():
    truth = dataclasses.replace(SENSED, side=16, patch_side=8, block_side=8)
    method, train = fitted_gaussian(truth, n=4)
    centred = (train.s - train.s.mean()).numpy()
    r = np.zeros((8, 8))
    for (a, b), (c, d) in itertools.product(itertools.product(range(8), repeat=2), repeat=2):
        r[abs(a - c), abs(b - d)] += (centred[:, a, b] * centred[:, c, d]).mean() / 64
    # Pairs at a lag that is not 0 were met in both orders, and those of two, mirrored, in four.
    times = np.array([1.0] + [2.0] * 7)
    r /= times[:, None] * times
    found = method.covariance.detach().numpy()
    np.testing.assert_allclose(found, (r + r.T) / 2, rtol=0, atol=1e-12)
    assert method.mean.item() == pytest.approx(train.s.mean().item())


@of_each
def test_it_is_the_best_linear_answer_of_dense_matrices(truth):
    method, _ = fitted_gaussian(truth)
    x, r = split(truth, 3, "test", 0).x, method.covariance.detach()
    side, block = truth.side, truth.block_side
    C = np.zeros((side, side, side, side))
    around = truth._name != "compressed_sensing"
    for a, b, c, d in itertools.product(range(side), repeat=4):
        if not around:  # blocks know nothing of one another
            together = a // block == c // block and b // block == d // block
            C[a, b, c, d] = r[abs(a - c), abs(b - d)] if together else 0.0
            continue
        for down, across in itertools.product((-side, 0, side), repeat=2):
            lag = abs(a - c + down), abs(b - d + across)
            C[a, b, c, d] += r[lag].item() if max(lag) < len(r) else 0.0
    C = torch.from_numpy(C).view(side**2, side**2)
    assert torch.linalg.eigvalsh(C).min() > -1e-12
    H = dense(operator_of(truth), side)
    G = linear_mmse_gain(H, C, 0.05**2)
    mean = method.mean.item()
    expected = mean + (x.flatten(1) - mean * H.sum(1)) @ G.mT
    found = method(x).detach().flatten(1)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-8)


def test_patches_of_another_size_are_refused():
    method = StationaryGaussian(dataclasses.replace(SENSED, degradation="denoising"))
    s = torch.zeros(4, 9, 9, dtype=torch.float64)
    with pytest.raises(ValueError, match="patches have 9 pixels a side: the belief has patch_side"):
        method.fit(Split(s, s), Split(s, s))


# --- learned filter ---


@of_each
@pytest.mark.parametrize("penalty", [1e-6, 0.1])
def test_the_filter_is_ridge_regression_on_shifted_images(truth, penalty):
    train = split(truth, 6, "train", 0)
    method = LearnedFilter(truth, filter_side=3, penalty=penalty)
    s = operator_of(truth).start(train.x)
    torch.testing.assert_close(operator_of(truth).start(train.x), method(train.x).detach())
    method.fit(train, train)
    shifts = [(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1)]
    features = torch.stack([(s - 0.5).roll(by, (1, 2)).flatten() for by in shifts], 1).numpy()
    lacking = (train.s - s).flatten().numpy()
    centre, left = features.mean(0), lacking.mean()
    U = features - centre
    gram = U.T @ U + penalty * (U[:, 4] @ U[:, 4]) * np.eye(9)
    kernel = np.linalg.solve(gram, U.T @ (lacking - left))
    np.testing.assert_allclose(method.kernel.detach().flatten(), kernel, rtol=1e-6, atol=1e-9)
    expected = s.flatten().numpy() + features @ kernel + left - centre @ kernel
    np.testing.assert_allclose(method(train.x).detach().flatten(), expected, rtol=0, atol=1e-9)


def test_a_filter_that_was_applied_is_found_and_undone():
    """Where the first image is a filtered image, and the inverse is a filter of that size."""
    truth = dataclasses.replace(SENSED, degradation="denoising", noise_std=0.0)
    s = split(truth, 20, "train", 0).s
    x = 1.01 * (0.3 + 0.5 * s)  # H.start divides by 1.01
    method = LearnedFilter(truth, filter_side=3, penalty=1e-12)
    method.fit(Split(x, s), Split(x, s))
    torch.testing.assert_close(method(x).detach(), s, rtol=0, atol=1e-7)


def test_an_even_filter_is_refused():
    with pytest.raises(ValueError, match="filter_side is 4: should be odd"):
        LearnedFilter(SENSED, filter_side=4)


# --- mixtures of Gaussians ---


def mixture_of(K=3, d=4):
    rng = rng_for("test", "mixture")
    A = torch.from_numpy(rng.standard_normal((K, d, d)))
    return Mixture(torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64)[:K].log(), A @ A.mT)


def test_log_densities_are_scipys_up_to_a_number():
    mixture = mixture_of()
    p = rng_for("test", "vectors").standard_normal((5, 4))
    found = log_joint(torch.from_numpy(p), mixture, 0.2).numpy()
    for k in range(3):
        C = mixture.covariances[k].numpy() + 0.2 * np.eye(4)
        expected = multivariate_normal(np.zeros(4), C).logpdf(p) + mixture.log_weights[k].item()
        np.testing.assert_allclose(found[:, k] - 2 * np.log(2 * np.pi), expected, atol=1e-10)


def test_the_posterior_mean_is_that_of_samples():
    """Importance sampling: the mean of draws from the law, weighted by their likelihood."""
    mixture, n = mixture_of(), 400_000
    rng = rng_for("test", "samples")
    which = rng.choice(3, n, p=mixture.log_weights.exp().numpy())
    L = np.linalg.cholesky(mixture.covariances.numpy())
    draws = (L[which] @ rng.standard_normal((n, 4, 1)))[..., 0]
    p = np.array([0.5, -1.0, 0.3, 0.2])
    weights = np.exp(-np.square(p - draws).sum(1) / (2 * 0.5))
    weights /= weights.sum()
    expected = weights @ draws
    error = np.sqrt(np.square(weights[:, None] * (draws - expected)).sum(0))
    found = posterior_mean(torch.from_numpy(p)[None], mixture, 0.5)[0].numpy()
    assert (np.abs(found - expected) < 5 * error).all()
    assert error.max() < 0.02


def test_one_component_is_wieners_filter():
    mixture = Mixture(torch.zeros(1, dtype=torch.float64), mixture_of().covariances[:1])
    p = torch.from_numpy(rng_for("test", "vectors").standard_normal((5, 4)))
    C = mixture.covariances[0]
    gain = C @ torch.linalg.inv(C + 0.3 * torch.eye(4, dtype=torch.float64))
    torch.testing.assert_close(posterior_mean(p, mixture, 0.3), p @ gain.mT)


def test_each_round_raises_the_likelihood_and_the_law_is_found():
    truth, n = mixture_of(K=2), 20_000
    truth = Mixture(torch.tensor([0.7, 0.3]).double().log(), torch.stack(
        [0.1 * truth.covariances[0], 4.0 * truth.covariances[1]]
    ))  # fmt: skip
    rng = rng_for("test", "samples")
    which = rng.choice(2, n, p=truth.log_weights.exp().numpy())
    L = np.linalg.cholesky(truth.covariances.numpy())
    p = torch.from_numpy((L[which] @ rng.standard_normal((n, 4, 1)))[..., 0])
    likelihoods = []
    for rounds in (0, 1, 2, 5, 10, 60):
        fitted = expectation_maximization(p, 2, rounds, prior=1e-6, floor=1e-9)
        likelihoods.append(log_joint(p, fitted).logsumexp(1).mean().item())
        assert fitted.log_weights.exp().sum().item() == pytest.approx(1)
    # The weights count one more vector in each: off the maximum by as little.
    assert (np.diff(likelihoods) > -1e-6).all() and likelihoods[-1] > likelihoods[0] + 1e-3
    torch.testing.assert_close(fitted.log_weights.exp(), truth.log_weights.exp(), rtol=0, atol=0.02)
    scale = truth.covariances.diagonal(dim1=1, dim2=2).mean(1)[:, None, None]
    assert ((fitted.covariances - truth.covariances) / scale).abs().max() < 0.1


def test_few_vectors_leave_components_near_the_covariance_of_all():
    p = torch.from_numpy(rng_for("test", "few").standard_normal((6, 4)))
    fitted = expectation_maximization(p, 3, 5, prior=1e6, floor=1e-9)
    expected = (p.mT @ p / 6).expand(3, 4, 4)
    torch.testing.assert_close(fitted.covariances, expected, rtol=1e-4, atol=1e-4)


# --- windows ---


@pytest.mark.parametrize("stride", [1, 2, 3])
def test_windows_are_cut_around_the_border_and_put_back(stride):
    z = torch.from_numpy(rng_for("test", "images").standard_normal((2, 12, 12)))
    p = windows(z, 3, stride)
    assert p.shape == (2, 12 // stride, 12 // stride, 9)
    around = torch.cat([z, z[:, :, :2]], 2)
    around = torch.cat([around, around[:, :2]], 1)
    i, j = 12 // stride - 1, 1
    expected = around[:, i * stride : i * stride + 3, j * stride : j * stride + 3].flatten(1)
    assert torch.equal(p[:, i, j], expected)
    torch.testing.assert_close(averaged(p, 12, 12, stride), z)


def test_where_windows_differ_their_mean_is_taken():
    p = torch.zeros(1, 4, 4, 4, dtype=torch.float64)
    p[0, 1, 1] = 4.0  # one window of 2 × 2, each pixel of which three others say 0 of
    found = averaged(p, 4, 4, 1)
    expected = torch.zeros(1, 4, 4, dtype=torch.float64)
    expected[0, 1:3, 1:3] = 1.0
    assert torch.equal(found, expected)


# --- the rule of mixtures ---


def fitted_mixture(truth, **settings):
    method = PatchMixture(truth, window=4, **settings)
    method.fit(split(truth, 20, "train", 0), split(truth, 5, "validation", 0))
    return method


@pytest.mark.parametrize("stride", [1, 2])
def test_with_one_component_it_ends_at_a_fixed_point_of_dense_matrices(stride):
    """v = D s, s = v + Hᵀ(H Hᵀ + ρ I)⁻¹(x − H v), with matrices for D and H."""
    truth = dataclasses.replace(SENSED, noise_std=0.1)
    method = fitted_mixture(
        truth, components=1, iterations=150, strength=2.0, first_std=None, stride=stride
    )
    x = split(truth, 2, "test", 0).x
    mixture = Mixture(method.log_weights.detach(), method.covariances.detach())
    H = dense(method.H, 12)
    D = dense(lambda z: denoised(z, mixture, 0.2**2, stride), 12)
    eye = torch.eye(len(H), dtype=torch.float64)
    back = H.mT @ torch.linalg.inv(H @ H.mT + method.penalty / 4 * eye)
    kept = D @ (torch.eye(144, dtype=torch.float64) - back @ H)
    right = D @ back @ x.flatten(1).mT
    expected = torch.linalg.solve(torch.eye(144, dtype=torch.float64) - kept, right)
    torch.testing.assert_close(method(x).detach().flatten(1).mT, expected, rtol=0, atol=1e-6)


def test_a_fit_takes_no_window_over_the_border_and_draws_nothing():
    truth = dataclasses.replace(SENSED, degradation="denoising")
    s = torch.zeros(3, 12, 12, dtype=torch.float64)
    s[:, :, :] = torch.arange(12.0)  # a ramp, with a step where it goes around
    method = PatchMixture(truth, window=4, components=1, prior=1e-9)
    state = torch_rng_for("fit").get_state()
    method.fit(Split(s, s), Split(s, s), rng=torch_rng_for("fit"))
    assert torch.equal(torch_rng_for("fit").get_state(), state)
    ramp = torch.tensor([-1.5, -0.5, 0.5, 1.5], dtype=torch.float64).repeat(4)
    expected = torch.outer(ramp, ramp)
    expected += 1e-4 * expected.diagonal().mean() * torch.eye(16, dtype=torch.float64)
    torch.testing.assert_close(method.covariances[0].detach(), expected)


def test_windows_farther_apart_than_they_are_wide_are_refused():
    with pytest.raises(ValueError, match="stride is 5: should be at most the window, 4"):
        PatchMixture(SENSED, window=4, stride=5)
