"""Operators against dense matrices, their adjoints, and the NumPy that observations come from."""

import dataclasses

import numpy as np
import pytest
import torch

from mbdl_repro.areas.image_restoration.physics.block_matrix import BlockMatrix
from mbdl_repro.areas.image_restoration.physics.blur import (
    BlurAndDecimate,
    filtered,
    transfer_function,
)
from mbdl_repro.areas.image_restoration.physics.degradation import blocks_of
from mbdl_repro.areas.image_restoration.physics.operators import operator_of
from mbdl_repro.areas.image_restoration.scenario import Digits, Photographs

SIDE = 12


def small(degradation, **fields):
    return Photographs(
        degradation=degradation,
        **{"noise_std": 0.1, "side": SIDE, "patch_side": SIDE, "block_side": SIDE, **fields},
    )


TRUTHS = {
    "denoising": small("denoising"),
    "deblurring": small("deblurring", blur_std=0.7),
    "deblurring by a kernel wider than the image": small("deblurring", blur_std=2.5),
    "super-resolution of 2": small("super_resolution", blur_std=0.8),
    "super-resolution of 3": small("super_resolution", factor=3, blur_std=1.2),
    "super-resolution of 4": small("super_resolution", factor=4, blur_std=0.3),
    "few measurements": small("compressed_sensing", ratio=0.1),
    "half of the measurements": small("compressed_sensing", ratio=0.5),
    "all measurements": small("compressed_sensing", ratio=1.0),
    "gaussian measurements": small("compressed_sensing", ratio=0.25, measurement_matrix="gaussian"),
    "blocks": small("compressed_sensing", side=16, patch_side=16, block_side=8),
    "digits": Digits(degradation="compressed_sensing", ratio=0.3, noise_std=0.1),
}
every_truth = pytest.mark.parametrize("truth", TRUTHS.values(), ids=TRUTHS.keys())


def drawn(*shape, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(shape))


def dense(H, side):
    """The matrix of H, one column a pixel."""
    return H(torch.eye(side * side, dtype=torch.float64).view(-1, side, side)).flatten(1).mT


def close(a, b, tolerance=1e-11):
    torch.testing.assert_close(a, b, rtol=0, atol=tolerance * max(1.0, b.abs().max().item()))


# --- adjoints ---


@every_truth
@pytest.mark.parametrize("times", [1, 2])
def test_the_adjoint_is_one(truth, times):
    """⟨H s, x⟩ = ⟨s, Hᵀx⟩, for images of the belief's size and of twice its side."""
    H = operator_of(truth)
    s = drawn(3, times * truth.side, times * truth.side)
    x = drawn(*H(s).shape, seed=1)
    back = H.adjoint(x)
    assert back.shape == s.shape
    close((H(s) * x).flatten(1).sum(1), (s * back).flatten(1).sum(1))
    assert H.image_sides(x) == (times * truth.side,) * 2


@pytest.mark.parametrize("degradation", ["deblurring", "super_resolution", "compressed_sensing"])
@pytest.mark.parametrize("factor", [2, 3])
@pytest.mark.parametrize("ratio", [0.1, 0.25, 0.5])
def test_the_adjoint_is_one_at_the_sizes_of_experiments(degradation, factor, ratio):
    H = operator_of(
        Photographs(degradation=degradation, noise_std=0.01, factor=factor, ratio=ratio)
    )
    s = drawn(1, 72, 72)
    x = drawn(*H(s).shape, seed=1)
    close((H(s) * x).sum(), (s * H.adjoint(x)).sum())


def test_the_adjoint_of_a_kernel_that_is_not_symmetric():
    for factor in (1, 2):
        H = BlurAndDecimate(drawn(5, 5), factor)
        matrix = dense(H, 8)
        x = drawn(2, 8 // factor, 8 // factor, seed=2)
        close(H.adjoint(x).flatten(1), x.flatten(1) @ matrix)


# --- what is observed ---


@every_truth
def test_it_observes_what_the_simulation_does(truth):
    clean = dataclasses.replace(truth, noise_std=0.0)
    pairs = clean.draw(3, "test", 0)
    close(operator_of(truth)(torch.from_numpy(pairs.s)), torch.from_numpy(pairs.x), 1e-13)


def test_noise_is_added_to_what_the_operator_observes():
    truth = small("super_resolution", noise_std=0.2)
    pairs = truth.draw(200, "test", 0)
    noise = torch.from_numpy(pairs.x) - operator_of(truth)(torch.from_numpy(pairs.s))
    n = noise.numel()
    # Four standard errors of a mean, and of a variance.
    assert abs(noise.mean().item()) < 4 * 0.2 / n**0.5
    assert abs(noise.square().mean().item() / 0.04 - 1) < 4 * (2 / n) ** 0.5


@pytest.mark.parametrize("factor", [1, 2, 3])
def test_blur_is_the_sum_of_shifted_images(factor):
    kernel, s = drawn(5, 5), drawn(2, 12, 12, seed=1)
    expected = sum(
        kernel[i, j] * s.roll((i - 2, j - 2), (1, 2)) for i in range(5) for j in range(5)
    )
    close(BlurAndDecimate(kernel, factor)(s), expected[:, ::factor, ::factor])


def test_filters_are_many_at_once_and_differentiable():
    kernels, s = drawn(3, 3, 3).requires_grad_(), drawn(2, 6, 8, seed=1)
    together = filtered(s[:, None], transfer_function(kernels, 6, 8))
    for f in range(3):
        close(together[:, f], filtered(s, transfer_function(kernels[f], 6, 8)))
    together.square().sum().backward()
    assert kernels.grad is not None and (kernels.grad != 0).all()


# --- closed forms ---


@every_truth
def test_the_closed_forms_are_those_of_the_dense_matrix(truth):
    H, side = operator_of(truth), truth.side
    matrix, z = dense(H, side), drawn(4, side, side)
    x = drawn(*H(z).shape, seed=1)
    flat_x, flat_z = x.flatten(1), z.flatten(1)
    one, many = 0.37, torch.tensor([0.01, 0.1, 1.0, 10.0], dtype=torch.float64)
    for ridge in (one, many):
        for i in range(4):
            rho = ridge if isinstance(ridge, float) else ridge[i].item()
            gram = matrix @ matrix.mT + rho * torch.eye(len(matrix), dtype=torch.float64)
            expected = torch.linalg.solve(gram, flat_x[i])
            close(H.solve_gram(x, ridge)[i].flatten(), expected)
            normal = matrix.mT @ matrix + rho * torch.eye(side * side, dtype=torch.float64)
            expected = torch.linalg.solve(normal, matrix.mT @ flat_x[i] + rho * flat_z[i])
            close(H.proximal(z, x, ridge)[i].flatten(), expected)
    assert H.lipschitz_constant(side) == pytest.approx(
        torch.linalg.matrix_norm(matrix, 2).item() ** 2, rel=1e-11
    )


@every_truth
def test_the_gradient_is_that_of_the_misfit(truth):
    H = operator_of(truth)
    s = drawn(2, truth.side, truth.side).requires_grad_()
    x = drawn(*H(s).shape, seed=1)
    misfit = 0.5 * (x - H(s)).square().sum()
    (expected,) = torch.autograd.grad(misfit, s)
    close(H.gradient(s, x), expected)


@every_truth
def test_the_proximal_image_is_a_minimum(truth):
    """Its gradient vanishes, at the sizes that the operator was not made for as well."""
    H = operator_of(truth)
    z = drawn(2, 2 * truth.side, 2 * truth.side)
    x = drawn(*H(z).shape, seed=1)
    for rho in (0.01, 1.0):
        s = H.proximal(z, x, rho)
        close(H.gradient(s, x), rho * (z - s))


@pytest.mark.parametrize(
    "truth",
    [
        Photographs(degradation="deblurring", noise_std=0.01, blur_std=1.6),
        Photographs(degradation="super_resolution", noise_std=0.01, factor=3, blur_std=1.2),
        Photographs(degradation="compressed_sensing", noise_std=0.01, ratio=0.1),
        Photographs(
            degradation="compressed_sensing", noise_std=0.01, measurement_matrix="gaussian"
        ),
    ],
    ids=lambda truth: f"{truth.degradation}, {truth.measurement_matrix}",
)
def test_the_lipschitz_constant_is_that_of_a_power_iteration(truth):
    H = operator_of(truth)
    s, largest = drawn(1, 72, 72) + 1.0, 0.0
    for _ in range(300):
        s = H.adjoint(H(s / s.norm()))
        assert s.norm().item() >= largest * (1 - 1e-12)  # it grows towards L
        largest = s.norm().item()
    assert 0.99 * H.lipschitz_constant(72) < largest <= H.lipschitz_constant(72) * (1 + 1e-12)


@every_truth
def test_the_first_image_is_a_regularized_inverse_or_smooth(truth):
    H = operator_of(truth)
    x = drawn(*H(drawn(2, truth.side, truth.side)).shape)
    matrix = dense(H, truth.side)
    if truth.degradation == "compressed_sensing":
        # The posterior mean in information form, of a block whose pixels are correlated.
        b = truth.block_side
        rows, columns = torch.meshgrid(*[torch.arange(b)] * 2, indexing="ij")
        places = torch.stack([rows.flatten(), columns.flatten()], 1).double()
        C = 0.95 ** torch.cdist(places, places, p=1)
        block = torch.tensor(truth.matrix)
        ridge = (block @ C @ block.mT).diagonal().mean() / 100
        precision = torch.linalg.inv(C) + block.mT @ block / ridge
        cut = x.reshape(-1, len(block)) - block @ torch.full((b * b,), 0.5, dtype=torch.float64)
        blocks = 0.5 + torch.linalg.solve(precision, block.mT @ cut.mT / ridge).mT
        given = torch.tensor(blocks_of(H.start(x).numpy(), b)).reshape(-1, b * b)
        torch.testing.assert_close(given, blocks, rtol=0, atol=1e-8)
        return
    weight = torch.linalg.matrix_norm(matrix, 2) ** 2 / 100
    stacked = torch.cat([matrix, weight.sqrt() * torch.eye(matrix.shape[1], dtype=torch.float64)])
    padded = torch.cat([x.flatten(1), torch.zeros(2, matrix.shape[1], dtype=torch.float64)], 1)
    expected = torch.linalg.lstsq(stacked, padded.mT).solution.mT
    close(H.start(x).flatten(1), expected)


def test_operators_hold_in_single_precision():
    for truth in TRUTHS.values():
        H = operator_of(truth)
        s = drawn(2, truth.side, truth.side)
        exact, single = H.start(H(s)), H.float().start(H(s.float()))
        assert single.dtype == torch.float32
        torch.testing.assert_close(single.double(), exact, rtol=0, atol=2e-4)


def test_operators_store_nothing():
    assert all(not operator_of(truth).state_dict() for truth in TRUTHS.values())


# --- errors ---


@pytest.mark.parametrize("method", ["check", "start"])
@pytest.mark.parametrize(
    ("degradation", "shape", "message"),
    [
        ("deblurring", (1, 12, 16), "images of 12 × 16 pixels: they should be square"),
        ("deblurring", (1, 7, 7), "images of 7 × 7 pixels: they should have 8 a side or more"),
        ("deblurring", (12, 12), r"shape \(12, 12\): should be \(n, side, side\)"),
        ("deblurring", (1, 1, 12, 12), r"should be \(n, side, side\)"),
        ("super_resolution", (1, 6, 3), "images of 12 × 6 pixels: they should be square"),
        ("super_resolution", (1, 3, 3), "images of 6 × 6 pixels: they should have 8"),
        ("compressed_sensing", (1, 1, 2, 36), "images of 12 × 24 pixels: they should be square"),
        ("compressed_sensing", (1, 1, 1, 37), "should be .* 36.*as many measurements as"),
        ("compressed_sensing", (1, 12, 12), r"shape \(1, 12, 12\): should be \(n, blocks down"),
    ],
)
def test_it_refuses_observations_that_no_square_image_has(method, degradation, shape, message):
    with pytest.raises(ValueError, match=message):
        getattr(operator_of(small(degradation)), method)(torch.zeros(shape, dtype=torch.float64))


def test_no_operator_is_made_of_what_is_not_known():
    with pytest.raises(ValueError, match="degradation is asked for, and is withheld"):
        operator_of(small("deblurring").believed(degradation=None))
    with pytest.raises(ValueError, match="in blind_deblurring nobody knows it"):
        operator_of(small("blind_deblurring"))


def test_no_operator_asks_for_the_noise():
    for truth in TRUTHS.values():
        operator_of(truth.believed(noise_std=None))


def test_a_block_matrix_takes_images_of_many_blocks_each_alone():
    H = BlockMatrix(drawn(5, 64), 8)
    s = drawn(2, 16, 24)
    x = H(s)
    assert x.shape == (2, 2, 3, 5)
    for i in range(2):
        for j in range(3):
            block = s[:, 8 * i : 8 * i + 8, 8 * j : 8 * j + 8]
            close(x[:, i, j], H(block)[:, 0, 0])


def test_images_that_blocks_do_not_divide_are_refused():
    truth = next(t for t in TRUTHS.values() if t.degradation == "compressed_sensing")
    with pytest.raises(ValueError, match=f"should be multiples of block_side, {truth.block_side}"):
        operator_of(truth)(
            torch.zeros(1, truth.block_side + 1, truth.block_side, dtype=torch.float64)
        )


def test_what_is_made_of_a_matrix_is_its_own():
    """Matrices of one shape, one of them twice: what was found before is of the same matrix."""
    one, other = (torch.randn(3, 16, dtype=torch.float64) for _ in range(2))
    for matrix in (one, other, one):
        made = BlockMatrix(matrix, 4)
        expected = torch.linalg.svdvals(matrix)
        torch.testing.assert_close(made.singular_values, expected, rtol=0, atol=1e-13)
        x = torch.randn(2, 1, 1, 3, dtype=torch.float64)
        gram = matrix @ matrix.mT + 0.5 * torch.eye(3, dtype=torch.float64)
        expected = torch.linalg.solve(gram, x[..., None])[..., 0]
        torch.testing.assert_close(made.solve_gram(x, 0.5), expected, rtol=0, atol=1e-12)
