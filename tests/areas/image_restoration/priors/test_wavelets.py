"""Sparse coding of images in wavelets and cosines, against PyWavelets, SciPy and scikit-learn."""

import dataclasses
import itertools
import types
from functools import cache

import numpy as np
import pytest
import pywt
import torch
from scipy import fft
from sklearn.linear_model import Lasso

from mbdl_repro.areas.image_restoration.methods.dct_lasso import DctLasso, cosines
from mbdl_repro.areas.image_restoration.methods.wavelet_fista import WaveletFista
from mbdl_repro.areas.image_restoration.physics.operators import operator_of
from mbdl_repro.areas.image_restoration.priors.wavelets import (
    analysis_matrix,
    inverse_wavelet_transform,
    levels_of,
    orthonormal_wavelets,
    wavelet_transform,
)
from mbdl_repro.areas.image_restoration.scenario import Digits, Photographs
from mbdl_repro.areas.image_restoration.solvers.transform_fista import fista_iterates
from mbdl_repro.areas.sparse_recovery.methods.fista import Fista
from mbdl_repro.areas.sparse_recovery.updates.thresholding import soft_threshold
from mbdl_repro.contract.scenario import Split

DIGITS = Digits(
    degradation="compressed_sensing", noise_std=0.05, ratio=0.5, measurement_matrix="gaussian"
)
SMALL = Photographs(
    degradation="compressed_sensing",
    noise_std=0.02,
    ratio=0.5,
    side=12,
    patch_side=12,
    block_side=12,
)
SMALL_OF_EACH = [
    SMALL,
    dataclasses.replace(SMALL, measurement_matrix="gaussian"),
    dataclasses.replace(SMALL, degradation="super_resolution", blur_std=0.5),
    dataclasses.replace(SMALL, degradation="deblurring", blur_std=0.5),
]
of_each = pytest.mark.parametrize(
    "truth", SMALL_OF_EACH, ids=lambda t: f"{t.degradation}, {t.measurement_matrix}"
)


def split(truth, n, *stream):
    return Split(*map(torch.from_numpy, truth.draw(n, *stream)))


def dense(linear, side):
    """The matrix of a linear map of images, one column a pixel."""
    return linear(torch.eye(side * side, dtype=torch.float64).view(-1, side, side)).flatten(1).mT


def drawn(*shape):
    return torch.from_numpy(np.random.default_rng(0).standard_normal(shape))


def lasso(x, matrix, rho):
    """½‖x − A θ‖² + ρ‖θ‖₁ by coordinate descent; scikit-learn divides the residual by n."""
    solver = Lasso(alpha=rho / len(matrix), fit_intercept=False, tol=1e-14, max_iter=200_000)
    return np.stack([solver.fit(matrix, row).coef_.copy() for row in x])


# --- the transform ---


@pytest.mark.filterwarnings("ignore:Level value")
@pytest.mark.parametrize("wavelet", ["haar", "db4", "sym4", "db8", "coif2"])
@pytest.mark.parametrize(("side", "levels"), [(72, 3), (36, 2), (12, 2), (8, 3), (10, 1)])
def test_the_transform_is_that_of_pywavelets(wavelet, side, levels):
    s = drawn(2, side, side)
    nested = pywt.wavedec2(s.numpy(), wavelet, mode="periodization", level=levels)
    expected, _ = pywt.coeffs_to_array(nested, axes=(1, 2))
    c = wavelet_transform(s, wavelet, levels)
    np.testing.assert_allclose(c.numpy(), expected, atol=1e-13 * side)


@pytest.mark.parametrize("wavelet", orthonormal_wavelets())
def test_the_transform_is_orthogonal(wavelet):
    # PyWavelets gives filters of some families to fewer digits than others.
    tolerance = 1e-6 if wavelet.startswith("coif") else 1e-10
    for side, levels in ((16, 2), (8, 3)):
        W = dense(lambda s, n=levels: wavelet_transform(s, wavelet, n), side)
        assert (W @ W.mT - torch.eye(side**2, dtype=torch.float64)).abs().max() < tolerance
    c = drawn(2, 24, 24)
    s = inverse_wavelet_transform(c, wavelet, 3)
    torch.testing.assert_close(wavelet_transform(s, wavelet, 3), c, rtol=0, atol=10 * tolerance)


def test_details_do_not_see_a_grey_image_and_short_ones_do_not_see_a_slope():
    A = torch.from_numpy(analysis_matrix("db4", 32).copy())
    grey, slope = torch.ones(32, dtype=torch.float64), torch.arange(32.0, dtype=torch.float64) ** 3
    assert (A @ grey)[16:].abs().max() < 1e-11
    # Four vanishing moments: cubes are not seen, but where the image goes around.
    assert (A @ slope)[20:28].abs().max() < 1e-7 < (A @ slope)[16:].abs().max()


@pytest.mark.parametrize(
    ("side", "levels", "taken"), [(72, None, 3), (12, None, 2), (10, None, 1), (64, 4, 4)]
)
def test_levels_are_as_many_as_halve_the_side(side, levels, taken):
    assert levels_of(side, levels) == taken


@pytest.mark.parametrize(("side", "levels", "multiple"), [(27, None, 2), (12, 3, 8), (9, 1, 2)])
def test_it_refuses_sides_that_cannot_be_halved(side, levels, multiple):
    with pytest.raises(ValueError, match=f"have {side} pixels .* a multiple of {multiple},"):
        levels_of(side, levels)


# --- wavelets: the minimum ---


def kkt(method, truth, s, x):
    """The violation of what holds at a minimum: W g = 0, or −ρ sign(c), or within ±ρ."""
    levels = levels_of(12, method.levels)
    c = wavelet_transform(s, method.wavelet, levels)
    g = wavelet_transform(operator_of(truth).gradient(s, x), method.wavelet, levels)
    rho = torch.full((12, 12), method.weight, dtype=torch.float64)
    rho[: 12 >> levels, : 12 >> levels] = 0
    beyond = (g.abs() - rho).clamp_min(0)
    return torch.where(c.abs() > 1e-8, g + rho * c.sign(), beyond).abs().max().item()


@cache
def at_rest(truth):
    """The observations of three images, and the answer of many iterations."""
    x = split(truth, 3, "validation", 100).x
    return x, WaveletFista(truth, iterations=1500, weight=0.03)(x)


@of_each
def test_at_rest_the_conditions_of_a_minimum_hold(truth):
    x, best = at_rest(truth)
    early = WaveletFista(truth, iterations=3, weight=0.03)
    assert kkt(early, truth, best, x) < 1e-6
    assert kkt(early, truth, early(x), x) > 1e-4


@pytest.mark.parametrize("wavelet", ["haar", "db4"])
@pytest.mark.parametrize("levels", [1, 2])
def test_it_is_the_lasso_in_details_once_the_coarse_image_is_solved_for(wavelet, levels):
    """With A = [A_c A_d] the free part is projected out of x and A_d; then scikit-learn."""
    truth, weight = dataclasses.replace(SMALL, ratio=0.75), 0.02
    x = split(truth, 2, "validation", 100).x.flatten(1).numpy()
    W = dense(lambda s: wavelet_transform(s, wavelet, levels), 12)
    A = (dense(operator_of(truth), 12) @ W.mT).numpy()
    coarse = np.zeros((12, 12), bool)
    coarse[: 12 >> levels, : 12 >> levels] = True
    free, detail = A[:, coarse.ravel()], A[:, ~coarse.ravel()]
    away = np.eye(len(A)) - free @ np.linalg.pinv(free)
    theta = np.zeros((2, 144))
    theta[:, ~coarse.ravel()] = lasso(x @ away, away @ detail, weight)
    left = x - theta[:, ~coarse.ravel()] @ detail.T
    theta[:, coarse.ravel()] = left @ np.linalg.pinv(free).T
    expected = theta @ W.numpy()
    method = WaveletFista(truth, iterations=1000, weight=weight, wavelet=wavelet, levels=levels)
    answer = method(torch.from_numpy(x).view(2, 1, 1, -1))
    np.testing.assert_allclose(answer.reshape(2, -1), expected, atol=2e-6)


def objective(method, truth, s, x):
    levels = levels_of(s.shape[1], method.levels)
    c = wavelet_transform(s, method.wavelet, levels).clone()
    c[:, : s.shape[1] >> levels, : s.shape[1] >> levels] = 0
    misfit = 0.5 * (x - operator_of(truth)(s)).flatten(1).square().sum(1)
    return misfit + method.weight * c.abs().sum((1, 2))


@of_each
def test_the_objective_is_within_fistas_bound(truth):
    """F(s_k) − min F ≤ 2L‖s_0 − s*‖²/(k + 1)²."""
    x, best = at_rest(truth)
    L = operator_of(truth).lipschitz_constant(12)
    method = WaveletFista(truth, iterations=100, weight=0.03)
    lowest, first = objective(method, truth, best, x), None
    for k, s in enumerate(method.iterates(x)):
        first = s if first is None else first
        gap = objective(method, truth, s, x) - lowest
        distance = (first - best).square().sum((1, 2))
        assert (gap <= 2 * L * distance / (k + 1) ** 2 + 1e-12).all()
    assert (gap < 0.02 * (objective(method, truth, first, x) - lowest)).all()


# --- wavelets: shifts ---


def test_a_shift_by_the_step_of_the_coarsest_level_changes_nothing():
    x = split(SMALL, 3, "validation", 100).x
    plain = WaveletFista(SMALL, iterations=5, weight=0.05)
    moved = WaveletFista(SMALL, iterations=5, weight=0.05, shifts=2)
    moved.shifts.copy_(4 * moved.shifts)
    torch.testing.assert_close(moved(x), plain(x), rtol=0, atol=1e-12)


def test_shifts_make_each_step_that_of_shifted_images():
    x = split(SMALL, 3, "validation", 100).x
    method = WaveletFista(SMALL, iterations=1, weight=0.05, shifts=3)
    H = operator_of(SMALL)
    first = H.start(x)
    z = first - H.gradient(first, x)  # L is 1
    answers = []
    for down, right in (method.shifts[0] % 12).tolist():
        W = dense(lambda s: wavelet_transform(s, "db4", 2), 12).numpy()
        c = np.roll(z.numpy(), (down, right), (1, 2)).reshape(3, -1) @ W.T
        thresholds = np.full((12, 12), 0.05)
        thresholds[:3, :3] = 0
        c = np.sign(c) * np.maximum(np.abs(c) - thresholds.ravel(), 0)
        answers.append(np.roll((c @ W).reshape(3, 12, 12), (-down, -right), (1, 2)))
    np.testing.assert_allclose(method(x), np.mean(answers, 0), atol=1e-11)


def test_shifts_are_other_ones_in_each_iteration_and_the_first_of_more():
    few, many = (WaveletFista(SMALL, iterations=k, shifts=2).shifts % 8 for k in (5, 30))
    assert torch.equal(few, WaveletFista(SMALL, iterations=5, shifts=2).shifts % 8)
    assert len({tuple(pair) for pair in many.flatten(0, 1).tolist()}) > 30


def test_shifts_are_better_on_photographs():
    truth = Photographs(degradation="compressed_sensing", ratio=0.25, noise_std=0.01)
    x, s = split(truth, 4, "validation", 100)
    for wavelet in ("haar", "db4"):
        errors = [
            (WaveletFista(truth, iterations=60, weight=0.01, wavelet=wavelet, shifts=n)(x) - s)
            .square()
            .mean((1, 2))
            for n in (0, 2)
        ]
        assert (errors[1] < errors[0]).all() and errors[1].mean() < 0.8 * errors[0].mean()


def test_it_refuses_wavelets_that_are_not_orthonormal():
    for wavelet in ("bior2.2", "mexh", "dmey", "none of them"):
        with pytest.raises(ValueError, match=f"wavelet is '{wavelet}': should be one of"):
            WaveletFista(SMALL, iterations=1, wavelet=wavelet)
    odd = dataclasses.replace(SMALL, side=9, patch_side=9, block_side=9)
    with pytest.raises(ValueError, match="images have 9 pixels a side"):
        WaveletFista(odd, iterations=1)(split(odd, 1, "validation", 100).x)


# --- cosines ---


def test_cosines_are_scipys_and_orthonormal():
    s = drawn(3, 8, 8)
    C = torch.from_numpy(cosines(8).copy())
    expected = fft.dctn(s.numpy(), axes=(1, 2), norm="ortho")
    np.testing.assert_allclose(C @ s @ C.mT, expected, atol=1e-13)
    torch.testing.assert_close(C @ C.mT, torch.eye(8, dtype=torch.float64))


@pytest.mark.parametrize("ratio", [0.125, 0.5, 1.0])
def test_it_is_scikit_learns_lasso_of_cosines(ratio):
    truth = dataclasses.replace(DIGITS, ratio=ratio)
    x = split(truth, 4, "validation", 100).x
    basis = fft.idctn(np.eye(64).reshape(64, 8, 8), axes=(1, 2), norm="ortho").reshape(64, 64)
    theta = lasso(x.flatten(1).numpy(), truth.matrix @ basis.T, 0.1)
    answer = DctLasso(truth, iterations=2500, weight=0.1)(x)
    np.testing.assert_allclose(answer.reshape(4, 64), theta @ basis, atol=1e-5)


def test_it_is_fista_of_sparse_recovery_seen_through_cosines():
    """The same iterates from zero, of θ = C s with A = H Cᵀ."""
    x, H, weight = split(DIGITS, 4, "validation", 100).x, operator_of(DIGITS), 0.05
    C = torch.from_numpy(cosines(8).copy())
    A = DIGITS.matrix @ dense(lambda s: C.mT @ s @ C, 8).numpy()
    classical = Fista(types.SimpleNamespace(H=A), iterations=50, rho=weight)
    L = H.lipschitz_constant(8)

    def shrunk(z):
        return C.mT @ soft_threshold(C @ z @ C.mT, weight / L) @ C

    zero = torch.zeros(4, 8, 8, dtype=torch.float64)
    ours = fista_iterates(zero, x, H, 1 / L, [shrunk] * 50)
    for s, theta in zip(ours, classical.iterates(x.flatten(1)), strict=True):
        torch.testing.assert_close((C @ s @ C.mT).flatten(1), theta, rtol=0, atol=1e-11)


def test_iterations_are_the_first_of_more():
    x = split(DIGITS, 4, "validation", 100).x
    few = list(DctLasso(DIGITS, iterations=5).iterates(x))
    many = itertools.islice(DctLasso(DIGITS, iterations=9).iterates(x), 6)
    assert len(few) == 6
    assert all(torch.equal(a, b) for a, b in zip(few, many, strict=True))
    assert not few[0].any()
