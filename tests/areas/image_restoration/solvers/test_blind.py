"""Blind deconvolution: each step against dense algebra, and a blur that is found."""

import numpy as np
import pytest
import scipy.ndimage
import torch

from mbdl_repro.areas.image_restoration.methods.blind_deconvolution import BlindDeconvolution
from mbdl_repro.areas.image_restoration.methods.dublid import Dublid
from mbdl_repro.areas.image_restoration.physics.kernels import convolved, random_motion
from mbdl_repro.areas.image_restoration.scenario import Photographs
from mbdl_repro.areas.image_restoration.solvers import blind
from mbdl_repro.contract.seeding import torch_rng_for

FILTERS = torch.tensor(blind.DIFFERENCES, dtype=torch.float64)
BELIEF = Photographs(degradation="blind_deblurring", noise_std=0.01)


def noise(*shape, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(shape))


def matrix_of(kernel, height, width):
    """The matrix of the convolution of vectorized images, from SciPy's, column by column."""
    columns = [
        scipy.ndimage.convolve(unit.reshape(height, width), kernel, mode="wrap").ravel()
        for unit in np.eye(height * width)
    ]
    return np.stack(columns, 1)


def squares(n_images=2, side=24, seed=0):
    """Images of a few bright rectangles: their differences are sparse."""
    rng = np.random.default_rng(seed)
    images = np.zeros((n_images, side, side))
    for image in images:
        for _ in range(5):
            top, left = rng.integers(0, side - 6, 2)
            height, width = rng.integers(5, 12, 2)
            image[top : top + height, left : left + width] = rng.uniform(0.2, 1.0)
    return images


def test_the_kernel_solves_dense_least_squares_over_symmetric_kernels():
    y, v, side, ridge = noise(2, 3, 12, 11), noise(2, 3, 12, 11, seed=1), 5, 0.03
    ours = blind.kernel_least_squares(y, v, side, ridge)
    shifts = [(i, j) for i in range(-2, 3) for j in range(-2, 3)]
    basis = []  # orthogonal symmetric kernels, as vectors over shifts
    for i, j in shifts:
        e = np.array([float((a, b) in ((i, j), (-i, -j))) for a, b in shifts])
        if not any(np.array_equal(e, b) for b in basis):
            basis.append(e)
    B = np.stack(basis, 1)
    for n in range(2):
        columns = [np.roll(v[n].numpy(), shift, (1, 2)).ravel() for shift in shifts]
        A = np.stack(columns, 1)
        weight = ridge * v[n].square().sum().item()
        normal = B.T @ (A.T @ A + weight * np.eye(25)) @ B
        dense = B @ np.linalg.solve(normal, B.T @ A.T @ y[n].numpy().ravel())
        np.testing.assert_allclose(ours[n].numpy().ravel(), dense, rtol=0, atol=1e-10)


def test_a_kernel_larger_than_half_the_image_wraps_around_it():
    k = torch.from_numpy(random_motion(np.random.default_rng(3)))[None]
    v = noise(1, 2, 10, 10)
    y = torch.from_numpy(
        np.stack([scipy.ndimage.convolve(g.numpy(), k[0].numpy(), mode="wrap") for g in v[0]])
    )[None]
    found = blind.kernel_least_squares(y, v, 9, 1e-9)
    torch.testing.assert_close(found, k, rtol=0, atol=1e-5)


def test_the_image_solves_dense_normal_equations():
    x, v = noise(2, 10, 9), noise(2, 2, 10, 9, seed=1)
    rng = np.random.default_rng(2)
    kernels = np.stack([random_motion(rng) for _ in range(2)])
    ours = blind.image_of(x, v, torch.from_numpy(kernels), FILTERS, 0.2)
    F = [matrix_of(f.numpy(), 10, 9) for f in FILTERS]
    for n in range(2):
        K = matrix_of(kernels[n], 10, 9)
        right = K.T @ x[n].numpy().ravel()
        right = right + 0.2 * sum(f.T @ v[n, c].numpy().ravel() for c, f in enumerate(F))
        dense = np.linalg.solve(K.T @ K + 0.2 * sum(f.T @ f for f in F), right)
        np.testing.assert_allclose(ours[n].numpy().ravel(), dense, rtol=0, atol=1e-9)


def test_without_noise_the_image_comes_back_from_its_kernel_and_its_differences():
    s, rng = squares(), np.random.default_rng(4)
    kernels = np.stack([random_motion(rng) for _ in s])
    x = torch.from_numpy(np.stack([convolved(a, k) for a, k in zip(s, kernels, strict=True)]))
    v = torch.from_numpy(
        np.stack([[scipy.ndimage.convolve(a, f, mode="wrap") for f in FILTERS.numpy()] for a in s])
    )
    back = blind.image_of(x, v, torch.from_numpy(kernels), FILTERS, 0.1)
    torch.testing.assert_close(back, torch.from_numpy(s), rtol=0, atol=1e-10)


def test_kernels_are_not_negative_and_sum_to_one_and_nothing_is_no_blur():
    k = blind.as_kernel(torch.cat([noise(6, 9, 9), -torch.ones(1, 9, 9, dtype=torch.float64)]), 0.1)
    assert (k >= 0).all()
    torch.testing.assert_close(k.sum((1, 2)), torch.ones(7, dtype=k.dtype))
    assert k[6, 4, 4] == 1


def test_the_differences_are_those_of_numpy():
    s = noise(7, 8)
    for f, axis in zip(FILTERS, (1, 0), strict=True):
        ours = scipy.ndimage.convolve(s.numpy(), f.numpy(), mode="wrap")
        np.testing.assert_allclose(ours, s.numpy() - np.roll(s.numpy(), 1, axis), atol=1e-15)


def blurred(seed=5):
    s, rng = squares(6, 48, seed), np.random.default_rng(seed)
    kernels = np.stack([random_motion(rng) for _ in s])
    x = np.stack([convolved(a, k) for a, k in zip(s, kernels, strict=True)])
    return (
        torch.from_numpy(s),
        torch.from_numpy(kernels),
        torch.from_numpy(x + 0.002 * rng.standard_normal(x.shape)),
    )


def test_it_finds_the_blur_of_images_of_few_edges():
    """Better than the two answers that need no search: no blur, and the mean of all motions."""
    s, kernels, x = blurred()
    method = BlindDeconvolution(BELIEF, iterations=12)
    estimate, found = method(x), method.illustrations(x)["kernel"]
    rng = np.random.default_rng(6)
    mean = torch.from_numpy(np.mean([random_motion(rng) for _ in range(2000)], 0))
    spike = blind.as_kernel(torch.zeros(1, 9, 9, dtype=torch.float64), 0.0)

    def error(k):
        return ((k - kernels).square().sum() / kernels.square().sum()).item()

    assert error(found) < 0.5 * min(error(mean), error(spike))
    assert (estimate - s).square().mean() < 0.5 * (x - s).square().mean()


def test_thresholds_are_relative_to_the_image():
    _, _, x = blurred()
    method = BlindDeconvolution(BELIEF, iterations=4)
    torch.testing.assert_close(method(0.3 * x), 0.3 * method(x), rtol=0, atol=1e-10)


def test_shifted_and_mirrored_images_give_shifted_and_mirrored_answers():
    _, _, x = blurred()
    method = BlindDeconvolution(BELIEF, iterations=4)
    torch.testing.assert_close(
        method(x.roll((3, -5), (1, 2))), method(x).roll((3, -5), (1, 2)), rtol=0, atol=1e-9
    )
    turned = method(x.mT)
    torch.testing.assert_close(turned, method(x).mT, rtol=0, atol=1e-9)


def test_the_first_thresholds_of_all_iterations_fall_geometrically():
    numbers = blind.falling(4.0, 0.5, 4)
    np.testing.assert_allclose(numbers.numpy(), np.geomspace(4.0, 0.5, 4))
    assert blind.falling(4.0, 0.5, 1).tolist() == [4.0]


def test_copies_of_the_filters_differ_after_a_start_and_not_before():
    method = Dublid(BELIEF, iterations=2, channels=3)
    assert torch.equal(method.filters[0, 0], method.filters[0, 2])
    method.initialize(None, torch_rng_for("start"))
    assert not torch.equal(method.filters[0, 0], method.filters[0, 2])


@pytest.mark.parametrize("shape", [(2, 12, 13), (2, 6, 6), (12, 12)])
def test_what_is_no_batch_of_square_images_is_refused(shape):
    with pytest.raises(ValueError, match="should be"):
        BlindDeconvolution(BELIEF, iterations=1)(torch.zeros(shape, dtype=torch.float64))


@pytest.mark.parametrize("value", [float("inf"), float("nan"), 1e160, 0.0])
def test_a_bad_row_has_no_part_in_the_others(value):
    x = blurred()[2]
    method = BlindDeconvolution(BELIEF, iterations=4)
    spoilt = x.clone()
    spoilt[1] = value
    others = [0, 2, 3, 4, 5]
    assert torch.equal(method(spoilt)[others], method(x)[others])
    assert method(spoilt)[1].isfinite().all() == (value in (0.0, 1e160))


def test_a_kernel_that_is_not_known_is_no_single_pixel():
    k = noise(3, 9, 9)
    k[1, 2, 2] = float("nan")
    found = blind.as_kernel(k, 0.1)
    assert found[1].isnan().all()
    assert found[[0, 2]].isfinite().all()


def test_a_weak_penalty_is_relative_to_what_the_kernel_lets_through():
    """A box of three pixels lets nothing of some frequencies through: there the filters decide."""
    s, box = torch.from_numpy(squares()), torch.zeros(1, 3, 3, dtype=torch.float64)
    box[0, 1] = 1 / 3
    x = torch.from_numpy(np.stack([convolved(a, box[0].numpy()) for a in s.numpy()]))
    v = torch.from_numpy(
        np.stack([[scipy.ndimage.convolve(a, f, mode="wrap") for f in FILTERS.numpy()] for a in s])
    )
    for penalty in (1e-3, 1e-12):
        back = blind.image_of(x, v, box, FILTERS, penalty)
        torch.testing.assert_close(back, s, rtol=0, atol=1e-3)
