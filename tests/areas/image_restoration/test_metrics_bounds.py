"""Metrics by formulas of our own, and bounds by simulation of the rule that they speak of."""

import numpy as np
import pytest
import torch

from mbdl_repro.areas.image_restoration import bounds, metrics
from mbdl_repro.areas.image_restoration.physics import images
from mbdl_repro.areas.image_restoration.physics.degradation import blocks_of
from mbdl_repro.areas.image_restoration.physics.operators import operator_of
from mbdl_repro.areas.image_restoration.scenario import Digits, Photographs
from mbdl_repro.contract.method import Family, Method
from mbdl_repro.contract.scenario import Split

TRUTH = Photographs(
    degradation="compressed_sensing",
    noise_std=0.1,
    ratio=0.3,
    side=24,
    patch_side=24,
    block_side=12,
)


def noisy(std, n=5):
    s = TRUTH.draw(n, "test", 0).s
    return Split(s, s), s + std * np.random.default_rng(0).standard_normal(s.shape)


# --- metrics ---


@pytest.mark.parametrize("std", [0.02, 0.5])
def test_psnr_is_the_decibels_of_what_a_screen_shows(std):
    split, estimate = noisy(std)
    shown = np.minimum(np.maximum(estimate, 0), 1)
    errors = [np.mean((a - b) ** 2) for a, b in zip(shown, split.s, strict=True)]
    psnr = metrics.psnr_db(estimate, split, TRUTH)
    np.testing.assert_allclose(psnr, -10 * np.log10(errors), rtol=1e-12)
    uncut = -10 * np.log10(metrics.mse(estimate, split, TRUTH))
    assert (psnr >= uncut).all() and ((psnr > uncut + 1).all() == (std == 0.5))


def test_psnr_of_the_truth_is_infinite():
    split, _ = noisy(0.1)
    assert (metrics.psnr_db(split.s, split, TRUTH) == np.inf).all()


def structural_similarity(a, b):
    """Wang et al., 2004, equation 13, with windows of 7 × 7 and unbiased moments, one by one."""
    values = []
    for i in range(a.shape[0] - 6):
        for j in range(a.shape[1] - 6):
            p, q = a[i : i + 7, j : j + 7].ravel(), b[i : i + 7, j : j + 7].ravel()
            (pp, pq), (_, qq) = np.cov(p, q)
            c1, c2 = 0.01**2, 0.03**2
            luminance = (2 * p.mean() * q.mean() + c1) / (p.mean() ** 2 + q.mean() ** 2 + c1)
            values.append(luminance * (2 * pq + c2) / (pp + qq + c2))
    return np.mean(values)


def test_ssim_is_that_of_its_equation():
    split, estimate = noisy(0.1, n=2)
    expected = [
        structural_similarity(np.clip(e, 0, 1), s) for e, s in zip(estimate, split.s, strict=True)
    ]
    np.testing.assert_allclose(metrics.ssim(estimate, split, TRUTH), expected, rtol=1e-10)
    np.testing.assert_allclose(metrics.ssim(split.s, split, TRUTH), 1, rtol=1e-12)


def test_mse_is_a_mean_over_pixels_and_does_not_cut():
    split, _ = noisy(0.1)
    np.testing.assert_allclose(metrics.mse(split.s + 2, split, TRUTH), 4)
    assert metrics.mse(split.s, split, TRUTH).shape == (5,)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("metric", [metrics.psnr_db, metrics.psnr_gain_db, metrics.ssim])
def test_an_estimate_with_an_entry_that_is_no_number_has_no_score(metric, value):
    """White where the truth is white would be as good as the truth on a screen."""
    split, estimate = noisy(0.05)
    split = Split(TRUTH.draw(5, "test", 0).x, split.s.copy())
    split.s[1] = 1.0
    spoilt = estimate.copy()
    spoilt[1, 3, 4] = value
    spoilt[2] = value
    scores, whole = metric(spoilt, split, TRUTH), metric(estimate, split, TRUTH)
    assert np.isnan(scores[[1, 2]]).all()
    np.testing.assert_array_equal(scores[[0, 3, 4]], whole[[0, 3, 4]])


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_errors_of_such_an_estimate_are_never_small(value):
    split = TRUTH.draw(3, "test", 0)
    spoilt = split.s + 0.1
    spoilt[1, 3, 4] = value
    method = Halfway(torch.zeros(24, 24, dtype=torch.float64))
    with np.errstate(invalid="ignore"):
        scores = (
            metrics.mse(spoilt, split, TRUTH),
            metrics.fixed_point_residual(spoilt, split, method),
        )
    for values in scores:
        assert np.isfinite(values[[0, 2]]).all()
        assert not values[1] < np.inf


class Halfway(Method):
    """An iteration that halves the distance to a given image, and a prior of grey images."""

    family = Family.MODEL_BASED

    def __init__(self, goal):
        super().__init__()
        self.register_buffer("goal", goal)

    def forward(self, x):
        return self.goal.expand(len(x), -1, -1)

    def once_more(self, s, x):
        assert x.shape == (3, 2, 2, 43)
        return (s + self.goal) / 2

    def project(self, s):
        return s.mean((1, 2), keepdim=True).expand_as(s)


def test_the_residual_is_how_far_one_more_iteration_moves():
    rng = np.random.default_rng(0)
    goal, estimate = rng.random((24, 24)), rng.random((3, 24, 24))
    split = TRUTH.draw(3, "test", 0)
    method = Halfway(torch.from_numpy(goal))
    expected = [np.linalg.norm(e - goal) / 2 / np.linalg.norm(e) for e in estimate]
    np.testing.assert_allclose(metrics.fixed_point_residual(estimate, split, method), expected)
    at_rest = np.stack([goal] * 3)
    assert (metrics.fixed_point_residual(at_rest, split, method) == 0).all()


def test_the_representation_error_is_that_of_the_nearest_image():
    split = TRUTH.draw(3, "test", 0)
    method = Halfway(torch.zeros(24, 24, dtype=torch.float64))
    expected = split.s.var((1, 2))
    np.testing.assert_allclose(metrics.representation_error(method, split), expected)


def test_methods_without_iterations_or_a_prior_have_neither():
    class Plain(Method):
        family = Family.MODEL_BASED

        def forward(self, x):
            return x

    split, estimate = noisy(0.1)
    assert metrics.fixed_point_residual(estimate, split, Plain()) is None
    assert metrics.representation_error(Plain(), split) is None


# --- bounds ---


def test_the_mean_image_is_that_of_other_images():
    digits = Digits(degradation="denoising", noise_std=0.1)
    validation, test = digits.draw(300, "validation", 0), digits.draw(50, "test", 0)
    mean = images.digits("validation").mean(0)  # 300 of 300: each of them once
    expected = [np.mean((s - mean) ** 2) for s in test.s]
    np.testing.assert_allclose(bounds.guess_mean_image(validation, test), expected)


@pytest.mark.parametrize("law", ["orthonormal_rows", "gaussian"])
def test_the_minimum_norm_error_is_that_of_simulated_noise(law):
    """Its mean over draws of the noise, image by image, within four standard errors."""
    truth = TRUTH.believed(measurement_matrix=law)
    test = truth.draw(4, "test", 0)
    pseudoinverse = np.linalg.pinv(truth.matrix)
    rng = np.random.default_rng(0)
    s = blocks_of(test.s, 12)
    errors = []
    for _ in range(400):
        x = s @ truth.matrix.T
        x = x + 0.1 * rng.standard_normal(x.shape)
        errors.append(((x @ pseudoinverse.T - s) ** 2).mean((1, 2, 3)))
    standard_error = np.std(errors, 0, ddof=1) / np.sqrt(len(errors))
    difference = np.mean(errors, 0) - bounds.minimum_norm(truth, test)
    assert (np.abs(difference) < 4 * standard_error).all()
    assert (standard_error < 0.01 * np.mean(errors, 0)).all()


@pytest.mark.parametrize("noise_std", [0.3, 1.0, 3.0])
def test_who_knows_all_images_weighs_them_by_bayes(noise_std):
    """The posterior, one image after another, by the normal density of what was observed."""
    truth = Digits(degradation="compressed_sensing", ratio=0.25, noise_std=noise_std)
    test = truth.draw(40, "test", 0)
    floor = bounds.knows_all_images(truth, test)
    H = truth.matrix
    for x, s, least in zip(test.x, test.s, floor, strict=True):
        density = [np.exp(-np.sum((x - H @ t.ravel()) ** 2) / (2 * noise_std**2)) for t in test.s]
        mean = np.average(test.s, axis=0, weights=density)
        assert least == pytest.approx(np.mean((mean - s) ** 2), rel=1e-6, abs=1e-12)


def test_who_knows_all_images_and_meets_hardly_any_noise_is_not_wrong():
    """Also where σ² is too small for floating point."""
    for noise_std in (1e-100, 1e-200):
        truth = Digits(degradation="denoising", noise_std=noise_std)
        floor = bounds.knows_all_images(truth, truth.draw(20, "test", 0))
        assert (floor == 0).all()


def test_who_knows_all_images_is_between_nothing_and_their_mean():
    values = []
    for noise_std in (0.0, 0.1, 1.0, 1000.0):
        truth = Digits(degradation="denoising", noise_std=noise_std)
        values.append(bounds.knows_all_images(truth, truth.draw(300, "test", 0)).mean())
    test = truth.draw(300, "test", 0)
    assert values[0] < 1e-12 and sorted(values) == values
    assert values[-1] == pytest.approx(np.square(test.s - test.s.mean(0)).mean(), rel=1e-3)


def test_nobody_knows_the_kernels_of_blind_deblurring():
    truth = Photographs(degradation="blind_deblurring", noise_std=0.1)
    with pytest.raises(ValueError, match="blind_deblurring nobody knows it"):
        bounds.knows_all_images(truth, truth.draw(2, "test", 0))


@pytest.mark.parametrize("degradation", ["compressed_sensing", "super_resolution"])
def test_a_gain_is_over_the_first_image_of_the_same_observation(degradation):
    truth = Photographs(
        degradation=degradation, noise_std=0.05, side=24, patch_side=24, block_side=12
    )
    test = truth.draw(4, "test", 0)
    first = operator_of(truth).start(torch.from_numpy(test.x)).numpy()
    np.testing.assert_allclose(metrics.psnr_gain_db(first, test, truth), 0.0, atol=1e-12)
    closer = first + 0.5 * (test.s - first)
    gain = metrics.psnr_gain_db(closer, test, truth)
    difference = metrics.psnr_db(closer, test, truth) - metrics.psnr_db(first, test, truth)
    np.testing.assert_allclose(gain, difference, atol=1e-12)
    assert (gain > 3.0).all()  # halfway to the truth: 6 dB, but for what a screen cuts off


def test_where_nobody_is_told_h_a_gain_is_over_what_was_observed():
    truth = Photographs(degradation="blind_deblurring", noise_std=0.05)
    test = truth.draw(2, "test", 0)
    np.testing.assert_allclose(metrics.psnr_gain_db(test.x, test, truth), 0.0, atol=1e-12)
