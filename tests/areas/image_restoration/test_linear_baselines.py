"""Restoration that is linear in what is observed: interpolation, least squares, Gaussian priors."""

import dataclasses
import itertools

import numpy as np
import pytest
import torch
from scipy.interpolate import CubicHermiteSpline

from mbdl_repro.areas.image_restoration.methods.bicubic import Bicubic, interpolation_matrix
from mbdl_repro.areas.image_restoration.methods.gradient_descent import GradientDescent
from mbdl_repro.areas.image_restoration.methods.linear_mmse import LinearMMSE
from mbdl_repro.areas.image_restoration.methods.tikhonov import Tikhonov
from mbdl_repro.areas.image_restoration.physics import images
from mbdl_repro.areas.image_restoration.physics.operators import operator_of
from mbdl_repro.areas.image_restoration.scenario import Digits, Photographs
from mbdl_repro.contract.scenario import Split
from mbdl_repro.contract.seeding import torch_rng_for
from mbdl_repro.learning.recipe import Recipe

RECIPE = Recipe(learning_rate=1e-3, steps=1, batch_size=1, validate_every=1)
DIGITS = Digits(
    degradation="compressed_sensing", noise_std=0.025, ratio=0.25, measurement_matrix="gaussian"
)
SMALL = Photographs(
    degradation="compressed_sensing",
    noise_std=0.05,
    ratio=0.4,
    side=12,
    patch_side=12,
    block_side=12,
)
SMALL_OF_EACH = [
    SMALL,
    dataclasses.replace(SMALL, measurement_matrix="gaussian"),
    dataclasses.replace(SMALL, degradation="super_resolution", blur_std=0.8),
    dataclasses.replace(SMALL, degradation="deblurring", blur_std=0.8),
]
of_each = pytest.mark.parametrize(
    "truth", SMALL_OF_EACH, ids=lambda t: f"{t.degradation}, {t.measurement_matrix}"
)


def split(truth, n, *stream):
    return Split(*map(torch.from_numpy, truth.draw(n, *stream)))


def dense(H, side):
    return H(torch.eye(side * side, dtype=torch.float64).view(-1, side, side)).flatten(1).mT


# --- bicubic ---


def upsampled(truth_factor, side=24):
    return Bicubic(
        Photographs(
            degradation="super_resolution",
            noise_std=0.0,
            factor=truth_factor,
            side=side,
            patch_side=side,
        )
    )


@pytest.mark.parametrize("factor", [2, 3, 5])
@pytest.mark.parametrize("samples", [3, 4, 9])
def test_it_is_the_hermite_spline_with_central_differences(factor, samples):
    """The other name of Keys' kernel, that of Catmull and Rom; three periods, the middle one."""
    values = np.random.default_rng(0).standard_normal(samples)
    knots = np.arange(-samples, 2 * samples + 1)
    around = values[knots % samples]
    slopes = (values[(knots + 1) % samples] - values[(knots - 1) % samples]) / 2
    expected = CubicHermiteSpline(knots, around, slopes)(np.arange(samples * factor) / factor)
    found = interpolation_matrix(samples, factor) @ torch.from_numpy(values)
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-13)


@pytest.mark.parametrize("factor", [2, 3])
def test_it_is_exact_for_squares_and_keeps_what_was_observed(factor):
    """On the grid of s, whose first pixel is the first of x; two pixels of x from the border."""
    rows, columns = np.mgrid[:24, :24] / 24
    s = 0.3 + rows - 2 * columns + rows**2 + 0.5 * rows * columns - columns**2
    s = torch.from_numpy(s)[None]
    answer = upsampled(factor)(s[:, ::factor, ::factor])
    inside = slice(factor, 24 - 2 * factor)
    torch.testing.assert_close(answer[:, inside, inside], s[:, inside, inside])
    torch.testing.assert_close(answer[:, ::factor, ::factor], s[:, ::factor, ::factor])
    shifted = upsampled(factor)(s[:, ::factor, ::factor].roll((1, 2), (1, 2)))
    torch.testing.assert_close(shifted, answer.roll((factor, 2 * factor), (1, 2)))


def test_it_is_better_than_pixels_set_side_by_side_and_than_a_shifted_grid():
    truth = Photographs(degradation="super_resolution", noise_std=0.01, blur_std=0.8)
    x, s = split(truth, 8, "validation", 100)
    answer = Bicubic(truth)(x)
    rivals = [x.repeat_interleave(2, 1).repeat_interleave(2, 2)]
    rivals += [answer.roll((0, by), (1, 2)) for by in (-1, 1)]
    error = (answer - s).square().mean((1, 2))
    for rival in rivals:
        assert (error < (rival - s).square().mean((1, 2))).all()


@pytest.mark.parametrize("degradation", ["denoising", "deblurring", "blind_deblurring"])
def test_where_nothing_was_decimated_it_is_the_observation(degradation):
    truth = Photographs(degradation=degradation, noise_std=0.01)
    x = split(truth, 2, "validation", 100).x
    torch.testing.assert_close(Bicubic(truth)(x), x)


def test_it_refuses_what_has_no_pixels():
    with pytest.raises(ValueError, match="in compressed_sensing none is observed"):
        Bicubic(SMALL)
    with pytest.raises(ValueError, match="degradation is asked for, and is withheld"):
        Bicubic(SMALL.believed(degradation=None))
    with pytest.raises(ValueError, match="they should be square"):
        upsampled(2)(torch.zeros(1, 8, 12, dtype=torch.float64))


# --- least squares ---


@of_each
def test_tikhonov_is_the_minimum_of_its_objective(truth):
    x = split(truth, 3, "validation", 100).x
    matrix = dense(operator_of(truth), 12)
    for weight in (0.003, 0.5):
        normal = matrix.mT @ matrix + weight * torch.eye(144, dtype=torch.float64)
        expected = torch.linalg.solve(normal, matrix.mT @ x.flatten(1).mT).mT
        answer = Tikhonov(truth, weight=weight)(x)
        torch.testing.assert_close(answer.flatten(1), expected, rtol=0, atol=1e-11)


@of_each
@pytest.mark.parametrize("start", ["zero", "linear"])
def test_gradient_descent_filters_each_singular_vector(truth, start):
    """In the coordinates of HᵀH = V diag(λ) Vᵀ each step is a number: 1 − μ λ."""
    H, x = operator_of(truth), split(truth, 3, "validation", 100).x
    matrix = dense(H, 12)
    values, V = torch.linalg.eigh(matrix.mT @ matrix)
    first = H.start(x).flatten(1) if start == "linear" else torch.zeros(3, 144, dtype=torch.float64)
    goal = x.flatten(1) @ matrix
    for step in (None, 0.5 / values.max().item()):
        mu = 1 / values.max() if step is None else step
        method = GradientDescent(truth, iterations=7, step=step, start=start)
        for k, s in enumerate(method.iterates(x)):
            kept = (1 - mu * values) ** k
            seen = sum((1 - mu * values) ** i * mu for i in range(k)) if k else 0 * values
            expected = ((first @ V) * kept + (goal @ V) * seen) @ V.mT
            torch.testing.assert_close(s.flatten(1), expected, rtol=0, atol=1e-11)
    assert k == 7


@of_each
def test_gradient_descent_nears_the_smallest_image_that_agrees(truth):
    H, x = operator_of(truth), split(truth, 3, "validation", 100).x
    matrix = dense(H, 12)
    expected = x.flatten(1) @ torch.linalg.pinv(matrix).mT
    distances = [
        (s.flatten(1) - expected).norm(dim=1)
        for s in GradientDescent(truth, iterations=300, start="zero").iterates(x)
    ]
    rounding = 1e-13 * distances[0]
    assert all((b <= a + rounding).all() for a, b in itertools.pairwise(distances))
    # Every eigenvalue λ that H sees leaves (1 − λ/L)^k of its share.
    values = torch.linalg.svdvals(matrix) ** 2
    slowest = (1 - values[values > 1e-9 * values[0]].min() / values[0]).clamp_min(0) ** 300
    assert (distances[-1] <= slowest * distances[0] + 1e-10).all()


@pytest.mark.parametrize("method", [Tikhonov, lambda t: GradientDescent(t, iterations=2)])
def test_they_refuse_images_that_are_not_square(method):
    with pytest.raises(ValueError, match="images of 12 × 24 pixels: they should be square"):
        method(SMALL)(torch.zeros(1, 1, 2, 58, dtype=torch.float64))


# --- the Gaussian prior ---


def fitted(truth, n=1000, **settings):
    method = LinearMMSE(truth, **settings)
    validation = split(truth, 300, "validation", 100)
    method.fit(split(truth, n, "train", 100), validation, RECIPE, torch_rng_for("fit"))
    return method


def test_it_fits_the_mean_and_the_covariance_of_the_images():
    train = DIGITS.draw(1000, "train", 100).s.reshape(1000, 64)
    S = np.cov(train, rowvar=False)
    for alpha in (0.01, 1.0):
        method = fitted(DIGITS, shrinkage=alpha)
        np.testing.assert_allclose(method.mean.detach().flatten(), train.mean(0), atol=1e-14)
        expected = (1 - alpha) * S + alpha * np.trace(S) / 64 * np.eye(64)
        np.testing.assert_allclose(method.covariance.detach(), expected, atol=1e-14)


@pytest.mark.parametrize("ratio", [0.1, 0.5, 1.0])
def test_it_is_the_posterior_mean(ratio):
    """By precisions: (HᵀH/σ² + C⁻¹)⁻¹(Hᵀx/σ² + C⁻¹μ)."""
    truth = dataclasses.replace(DIGITS, ratio=ratio)
    method = fitted(truth, shrinkage=0.01)
    x, H = split(truth, 5, "validation", 100).x, truth.matrix
    P, mean = np.linalg.inv(method.covariance.detach().numpy()), method.mean.detach().numpy()
    right = (x.numpy().reshape(5, -1) @ H / 0.025**2) + mean.ravel() @ P
    expected = np.linalg.solve(H.T @ H / 0.025**2 + P, right.T).T
    np.testing.assert_allclose(method(x).detach().numpy().reshape(5, 64), expected, atol=1e-8)


def test_with_a_white_prior_about_zero_it_is_tikhonov():
    method = LinearMMSE(SMALL)
    with torch.no_grad():
        method.covariance.copy_(torch.eye(144, dtype=torch.float64) * 0.05**2 / 0.3)
    x = split(SMALL, 3, "validation", 100).x
    torch.testing.assert_close(method(x).detach(), Tikhonov(SMALL, weight=0.3)(x))


def test_on_gaussian_images_its_error_is_that_of_theory():
    """E‖s − ŝ‖²/N = tr(C − G H C)/N, within four standard errors."""
    method = fitted(DIGITS, shrinkage=0.01)
    C, H = method.covariance.detach().numpy(), DIGITS.matrix
    rng = np.random.default_rng(0)
    s = method.mean.detach().numpy().ravel() + rng.multivariate_normal(np.zeros(64), C, 20_000)
    x = s @ H.T + 0.025 * rng.standard_normal((len(s), len(H)))
    answer = method(torch.from_numpy(x).view(-1, 1, 1, len(H))).detach().numpy().reshape(-1, 64)
    errors = ((answer - s) ** 2).mean(1)
    missing = C - C @ H.T @ np.linalg.inv(H @ C @ H.T + 0.025**2 * np.eye(len(H))) @ H @ C
    standard_error = errors.std(ddof=1) / np.sqrt(len(errors))
    assert abs(errors.mean() - np.trace(missing) / 64) < 4 * standard_error


def test_it_takes_another_h_with_the_same_weights():
    method = fitted(DIGITS)
    for other in (
        dataclasses.replace(DIGITS, ratio=0.75),
        dataclasses.replace(DIGITS, degradation="super_resolution", noise_std=0.1),
    ):
        again = LinearMMSE(other)
        again.load_state_dict(method.state_dict())
        x = split(other, 4, "validation", 100).x
        torch.testing.assert_close(again(x), fitted(other)(x))


@pytest.mark.parametrize("ratio", [4 / 64, 16 / 64, 48 / 64])
def test_it_is_better_than_the_mean_image_and_than_a_white_prior(ratio):
    truth = dataclasses.replace(DIGITS, ratio=ratio)
    x, s = split(truth, 300, "validation", 101)
    learned = (fitted(truth)(x) - s).square().mean()
    assert learned < (torch.from_numpy(images.digits("train").mean(0)) - s).square().mean()
    for weight in (0.0003, 0.003, 0.03, 0.3):
        assert learned < (Tikhonov(truth, weight=weight)(x) - s).square().mean()


def test_it_refuses_images_of_another_size_than_those_of_training():
    with pytest.raises(ValueError, match=r"side is 72 and patch_side 36: .* needs them"):
        LinearMMSE(Photographs(degradation="denoising", noise_std=0.1))
    with pytest.raises(ValueError, match=r"side is 36 and patch_side 36: .* at most 32"):
        LinearMMSE(Photographs(degradation="denoising", noise_std=0.1, side=36))
    with pytest.raises(ValueError, match="images of 16 × 16 pixels: should be 8 × 8"):
        LinearMMSE(DIGITS)(torch.zeros(1, 2, 2, 16, dtype=torch.float64))
    with pytest.raises(ValueError, match="noise_std is asked for, and is withheld"):
        LinearMMSE(DIGITS.believed(noise_std=None))
    with pytest.raises(ValueError, match="n_train is 1: a covariance needs 2 images"):
        fitted(DIGITS, n=1)
