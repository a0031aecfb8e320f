"""Total variation by ADMM against convex solvers and scikit-image, and ADMM as it is written."""

import dataclasses
from functools import partial

import numpy as np
import pytest
import torch
from skimage.restoration import denoise_tv_bregman, denoise_tv_chambolle

from mbdl_repro.areas.image_restoration.methods.total_variation import TotalVariation
from mbdl_repro.areas.image_restoration.physics import images
from mbdl_repro.areas.image_restoration.physics.blur import (
    BlurAndDecimate,
    filtered,
    transfer_function,
)
from mbdl_repro.areas.image_restoration.physics.operators import operator_of
from mbdl_repro.areas.image_restoration.scenario import Digits, Photographs
from mbdl_repro.areas.image_restoration.solvers.analysis_admm import (
    Stage,
    analysis_admm_iterates,
    difference_filters,
)
from mbdl_repro.areas.sparse_recovery.updates.thresholding import soft_threshold
from mbdl_repro.contract.scenario import Split
from mbdl_repro.contract.seeding import rng_for

TINY = Digits(degradation="compressed_sensing", noise_std=0.05, ratio=0.5)
OF_EACH = [
    TINY,
    dataclasses.replace(TINY, measurement_matrix="gaussian"),
    dataclasses.replace(TINY, degradation="super_resolution", blur_std=0.6),
    dataclasses.replace(TINY, degradation="deblurring", blur_std=0.6),
    dataclasses.replace(TINY, degradation="denoising"),
]
of_each = pytest.mark.parametrize(
    "truth", OF_EACH, ids=lambda t: f"{t.degradation}, {t.measurement_matrix}"
)


def split(truth, n, *stream):
    return Split(*map(torch.from_numpy, truth.draw(n, *stream)))


def dense(linear, side=8):
    pixels = torch.eye(side * side, dtype=torch.float64).view(-1, side, side)
    return linear(pixels).flatten(1).mT.numpy()


def drawn(*shape, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(shape))


def variation(s, neighbours):
    """Σ |s_p − s_q| over pairs of neighbouring pixels, each once, by hand."""
    pairs = {(0, 1): 1.0, (1, 0): 1.0, (1, 1): 0.5**0.5, (1, -1): 0.5**0.5}
    total = 0.0
    for (down, right), weight in list(pairs.items())[:neighbours]:
        total = total + weight * (s.roll((-down, -right), (1, 2)) - s).abs().sum((1, 2))
    return total


def objective(s, x, H, weight, neighbours):
    return 0.5 * (x - H(s)).flatten(1).square().sum(1) + weight * variation(s, neighbours)


# --- the minimum ---


@of_each
@pytest.mark.parametrize("neighbours", [2, 4])
def test_it_is_the_minimum_that_a_convex_solver_finds(truth, neighbours):
    import cvxpy  # not by each process that collects: it takes two seconds

    x, H = split(truth, 1, "validation", 100).x, operator_of(truth)
    s = cvxpy.Variable((8, 8))
    beside = [[(0, 1), 1.0], [(1, 0), 1.0], [(1, 1), 0.5**0.5], [(1, -1), 0.5**0.5]]
    shifted = {by: np.roll(np.eye(8), by, 1) for by in (-1, 0, 1)}  # each a row or column on
    terms = [
        weight * cvxpy.norm1(cvxpy.vec(shifted[d] @ s @ shifted[r].T - s, order="C"))
        for (d, r), weight in beside[:neighbours]
    ]
    misfit = cvxpy.sum_squares(dense(H) @ cvxpy.vec(s, order="C") - x.flatten().numpy())
    problem = cvxpy.Problem(cvxpy.Minimize(0.5 * misfit + 0.03 * sum(terms)))
    problem.solve(solver=cvxpy.CLARABEL)
    settings = {"neighbours": neighbours, "penalty": 0.1, "coupling": 0.3}
    method = TotalVariation(truth, iterations=350, weight=0.03, **settings)
    answer = method(x)
    found = objective(answer, x, H, 0.03, neighbours).item()
    assert found == pytest.approx(problem.value, rel=1e-6)
    np.testing.assert_allclose(answer[0].numpy(), s.value, atol=2e-3)


def one_of_nine(denoise, image):
    """Denoise copies side by side, and return the middle one: scikit-image's do not go around."""
    side = len(image)
    return denoise(np.tile(image, (3, 3)))[side : 2 * side, side : 2 * side]


def rms(image):
    return np.sqrt(np.mean(image**2))


@pytest.fixture
def noisy():
    """Gravel: flat parts would reach to where scikit-image's images end and ours go around."""
    crop = images._photograph("gravel")[:24, :24]
    return crop + 0.1 * rng_for("noise").standard_normal(crop.shape)


def test_denoising_is_scikit_images_split_bregman(noisy):
    """Its ``weight`` divides the sum of differences, so that it is 1/ρ."""
    truth = Photographs(degradation="denoising", noise_std=0.1, side=24, patch_side=24)
    method = TotalVariation(truth, iterations=500, weight=0.1, penalty=1.0, coupling=0.5)
    answer = method(torch.from_numpy(noisy)[None])[0].numpy()
    options = {"eps": 1e-10, "max_num_iter": 3000, "isotropic": False}
    expected = one_of_nine(partial(denoise_tv_bregman, weight=1 / 0.1, **options), noisy)
    assert rms(answer - expected) < 1e-3 * rms(answer - noisy)


def test_with_lengths_of_differences_it_is_chambolles(noisy):
    """Another shrinkage of the same filters: of both differences of a pixel, as one vector."""

    def shrink(d):
        length = d.square().sum(1, keepdim=True).sqrt()
        return d * (1 - 0.1 / 0.5 / length.clamp_min(1e-300)).clamp_min(0)

    H = BlurAndDecimate(torch.ones(1, 1, dtype=torch.float64), 1)
    x = torch.from_numpy(noisy)[None]
    stages = [Stage(difference_filters(2), shrink, 1.0, 0.5)] * 500
    *_, answer = analysis_admm_iterates(x, x, H, stages)
    options = {"eps": 0, "max_num_iter": 2000}
    expected = one_of_nine(partial(denoise_tv_chambolle, weight=0.1, **options), noisy)
    assert rms(answer[0].numpy() - expected) < 2e-3 * rms(expected - noisy)


@of_each
def test_it_descends_to_the_minimum_and_stays(truth):
    x, H = split(truth, 4, "validation", 100).x, operator_of(truth)
    method = TotalVariation(truth, iterations=350, weight=0.03, penalty=0.1, coupling=0.1)
    values = torch.stack([objective(s, x, H, 0.03, 2) for s in method.iterates(x)])
    gaps = (values - values.min(0).values).amax(1)
    assert gaps[30:].max() < gaps[0] / 5
    assert gaps[100:].max() < gaps[0] / 50
    assert gaps[300:].max() < gaps[0] / 1000


def test_the_minimum_does_not_depend_on_penalties():
    truth = OF_EACH[2]
    x = split(truth, 3, "validation", 100).x
    first, *others = (
        TotalVariation(truth, iterations=350, weight=0.03, penalty=a, coupling=b)(x)
        for a, b in ((0.1, 0.1), (0.03, 0.03), (0.3, 0.1), (0.1, 0.3))
    )
    for other in others:
        torch.testing.assert_close(other, first, rtol=0, atol=1e-5)


def test_a_large_weight_leaves_one_grey_and_a_tiny_one_the_observation():
    truth = dataclasses.replace(TINY, degradation="denoising")
    x = split(truth, 3, "validation", 100).x
    flat = TotalVariation(truth, iterations=200, weight=100.0, penalty=1.0, coupling=1.0)(x)
    grey = x.mean((1, 2), keepdim=True).expand_as(x)
    torch.testing.assert_close(flat, grey, rtol=0, atol=1e-6)
    same = TotalVariation(truth, iterations=200, weight=1e-9, penalty=1.0, coupling=1.0)(x)
    torch.testing.assert_close(same, x, rtol=0, atol=1e-6)


# --- the iteration ---


@pytest.mark.parametrize("neighbours", [2, 4])
def test_filters_are_differences_of_neighbours(neighbours):
    s = drawn(3, 8, 8)
    seen = filtered(s[:, None], transfer_function(difference_filters(neighbours), 8, 8))
    torch.testing.assert_close(seen.abs().sum((1, 2, 3)), variation(s, neighbours))


def textbook(x, matrix, first, stages):
    """The equations as they stand, one image at a time, with dense matrices and inverses."""
    z = first.copy()
    u, v = np.zeros(64), None
    yield z
    for filters, thresholds, rho, mu in stages:
        C = [dense(BlurAndDecimate(c, 1)) for c in filters]
        v = [np.zeros(64)] * len(C) if v is None else v
        near = z - u
        s = np.linalg.solve(matrix.T @ matrix + rho * np.eye(64), matrix.T @ x + rho * near)
        d = []
        for f, matrix_f in enumerate(C):
            a = matrix_f @ z - v[f]
            d.append(np.sign(a) * np.maximum(np.abs(a) - thresholds[f], 0))
        left = rho * np.eye(64) + sum(m * c.T @ c for m, c in zip(mu, C, strict=True))
        right = rho * (s + u)
        for f, matrix_f in enumerate(C):
            right = right + mu[f] * matrix_f.T @ (d[f] + v[f])
        z = np.linalg.solve(left, right)
        u = u + s - z
        v = [v[f] + d[f] - C[f] @ z for f in range(len(C))]
        yield z


@of_each
def test_iterates_are_those_of_the_equations_with_other_filters_in_each_stage(truth):
    x, H = split(truth, 2, "validation", 100).x, operator_of(truth)
    first = H.start(x)
    settings = []
    for k in range(4):
        filters = drawn(3, 5, 5, seed=k)
        thresholds = np.array([0.01, 0.1, 0.5]) * (k + 1)
        settings.append((filters, thresholds, 0.2 * (k + 1), np.array([0.3, 0.1, 0.02])))
    stages = [
        Stage(
            c,
            partial(soft_threshold, threshold=torch.from_numpy(t)[:, None, None]),
            rho,
            torch.from_numpy(mu),
        )
        for c, t, rho, mu in settings
    ]
    ours = list(analysis_admm_iterates(first, x, H, stages))
    assert len(ours) == 5 and torch.equal(ours[0], first)
    for i in range(2):
        theirs = textbook(x[i].flatten().numpy(), dense(H), first[i].flatten().numpy(), settings)
        for a, b in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(a[i].flatten(), b, atol=1e-9)


def test_gradients_pass_through_filters_thresholds_and_penalties():
    x, H = split(TINY, 2, "validation", 100).x, operator_of(TINY)
    first = H.start(x)

    def last(filters, thresholds, rho, mu):
        shrink = partial(soft_threshold, threshold=thresholds[:, None, None])
        *_, z = analysis_admm_iterates(first, x, H, [Stage(filters, shrink, rho, mu)] * 2)
        return z

    numbers = [torch.tensor(v, dtype=torch.float64) for v in ([0.1, 0.2], 0.3, [0.1, 0.2])]
    inputs = [drawn(2, 3, 3), *numbers]
    assert torch.autograd.gradcheck(last, [t.requires_grad_() for t in inputs])


def test_iterates_start_from_the_first_image_and_k_is_their_number():
    x = split(TINY, 2, "validation", 100).x
    iterates = list(TotalVariation(TINY, iterations=7).iterates(x))
    assert len(iterates) == 8
    assert torch.equal(iterates[0], operator_of(TINY).start(x))
    assert all(s.shape == (2, 8, 8) for s in iterates)
