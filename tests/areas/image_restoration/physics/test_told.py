"""H with a kernel and a scale for each image: against dense matrices, and against one H for all."""

import numpy as np
import pytest
import torch

from mbdl_repro.areas.image_restoration.physics.blur import BlurAndDecimate
from mbdl_repro.areas.image_restoration.physics.told import ToldBlurs, interpolated, lattice, told
from mbdl_repro.areas.image_restoration.systems.many_degradations import fixed_kernel, planes_of
from mbdl_repro.contract.seeding import torch_rng_for

SIDE = 8
EPS = torch.finfo(torch.float64).eps


def normal(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch_rng_for("told", *shape), dtype=torch.float64)


@pytest.fixture
def scales() -> torch.Tensor:
    return torch.tensor([1.0, 2.0, 4.0], dtype=torch.float64)


@pytest.fixture
def H(scales) -> ToldBlurs:
    """Kernels without any symmetry."""
    kernels = normal(3, SIDE, SIDE).exp()
    return ToldBlurs(kernels / kernels.sum((1, 2), keepdim=True), scales)


def dense(H: ToldBlurs) -> torch.Tensor:
    """The three matrices, (3, 64, 64): column by column."""
    columns = [H(image.expand(3, SIDE, SIDE)) for image in torch.eye(64).double().view(64, 8, 8)]
    return torch.stack(columns, -1).flatten(1, 2)


def test_the_adjoint_is_the_transpose(H):
    matrices = dense(H)
    x = normal(3, SIDE, SIDE)
    expected = (matrices.mT @ x.flatten(1)[..., None]).view_as(x)
    torch.testing.assert_close(H.adjoint(x), expected, rtol=0, atol=100 * EPS)


def test_the_data_step_is_the_dense_solution(H):
    A = dense(H)
    x, z, rho = H(normal(3, SIDE, SIDE)), normal(3, SIDE, SIDE) + 1, torch.tensor([0.3, 0.02, 1e-3])
    x = x + 0.1 * H.kept * normal(3, SIDE, SIDE)
    normal_matrix = A.mT @ A + rho[:, None, None] * torch.eye(64)
    right = A.mT @ x.flatten(1)[..., None] + (rho[:, None] * z.flatten(1))[..., None]
    expected = torch.linalg.solve(normal_matrix, right).view_as(z)
    # As many roundings as the worst conditioned of the three, 1/ρ, lets through.
    torch.testing.assert_close(H.proximal(z, x, rho.double()), expected, rtol=0, atol=1e-10)


def test_the_gradient_of_the_quadratic_is_zero_after_the_data_step(H):
    x, z = H.kept * normal(3, SIDE, SIDE), normal(3, SIDE, SIDE) - 1
    rho = torch.tensor([0.3, 0.02, 1e-3], dtype=torch.float64)
    s = H.proximal(z, x, rho)
    gradient = H.gradient(s, x) + rho[:, None, None] * (s - z)
    torch.testing.assert_close(gradient, torch.zeros_like(s), rtol=0, atol=1e-12)


def test_without_decimation_it_is_wieners_filter():
    kernels, x, z = normal(2, SIDE, SIDE).exp() / 99, normal(2, SIDE, SIDE), normal(2, SIDE, SIDE)
    H = ToldBlurs(kernels, torch.ones(2, dtype=torch.float64))
    k = torch.fft.fft2(torch.fft.ifftshift(kernels, (1, 2)))
    numerator = k.conj() * torch.fft.fft2(x) + 0.07 * torch.fft.fft2(z)
    wiener = torch.fft.ifft2(numerator / (k.abs().square() + 0.07)).real
    torch.testing.assert_close(H.proximal(z, x, 0.07), wiener, rtol=0, atol=1e-12)


def test_without_noise_blur_and_decimation_the_data_step_returns_the_observation():
    delta = torch.zeros(1, SIDE, SIDE, dtype=torch.float64)
    delta[:, SIDE // 2, SIDE // 2] = 1
    H = ToldBlurs(delta, torch.ones(1, dtype=torch.float64))
    y, z = normal(1, SIDE, SIDE), normal(1, SIDE, SIDE) + 5
    for rho in (1e-3, 1e-6, 1e-9):
        torch.testing.assert_close(H.proximal(z, y, rho), y, rtol=0, atol=10 * rho)


def test_the_largest_eigenvalue_is_that_of_the_matrix(H):
    eigenvalues = torch.linalg.eigvalsh(dense(H).mT @ dense(H))[:, -1]
    torch.testing.assert_close(H.largest, eigenvalues)
    assert H.lipschitz_constant(SIDE) == pytest.approx(eigenvalues.max().item())


@pytest.mark.parametrize("scale", [1, 2, 3])
def test_it_is_the_h_of_one_kernel_for_all_where_all_have_one(scale):
    """Which is told as a small square, and is itself held against sums of shifted images."""
    kernel = fixed_kernel("shake")  # not symmetric: a kernel turned around would be seen
    one = BlurAndDecimate(torch.tensor(kernel), scale)
    s = normal(2, 24, 24)
    y = one(s)
    x = torch.tensor(np.stack([planes_of(image.numpy(), kernel, scale, 0.1) for image in y]))
    H, observed, scales, noise_std = told(x)
    assert scales.tolist() == [scale] * 2 and noise_std.tolist() == [0.1] * 2
    assert torch.equal(observed[:, ::scale, ::scale], y)
    assert observed.count_nonzero() == y.numel()
    torch.testing.assert_close(H(s), observed, rtol=0, atol=1e-12)
    torch.testing.assert_close(H.adjoint(observed), one.adjoint(y), rtol=0, atol=1e-12)
    z = normal(2, 24, 24) + 1
    close = {"rtol": 0, "atol": 1e-10}
    torch.testing.assert_close(H.proximal(z, observed, 0.01), one.proximal(z, y, 0.01), **close)
    torch.testing.assert_close(H.start(observed), one.start(y), **close)


@pytest.mark.parametrize("scale", [1, 2, 3])
def test_what_is_interpolated_lies_where_it_was(scale):
    """A wave of one period an image: no shift of any part of a pixel would pass."""
    phase = 2 * torch.pi * torch.arange(24, dtype=torch.float64) / 24
    s = ((phase[:, None] + 0.4).sin() + (phase - 1).cos()).expand(1, 24, 24)
    scales = torch.tensor([float(scale)], dtype=torch.float64)
    found = interpolated(lattice(scales, 24) * s, scales)
    shift = phase[1] / 10  # what a tenth of a pixel would change, at the steepest place
    torch.testing.assert_close(found, s, rtol=0, atol=shift.item())
    kept = lattice(scales, 24).bool()
    torch.testing.assert_close(found[kept], s[kept], rtol=0, atol=1e-12)


def test_other_shapes_are_refused():
    for shape in [(2, 24, 24), (2, 3, 24, 24), (2, 4, 24, 12)]:
        with pytest.raises(ValueError, match=r"should be \(n, 4, side, side\)"):
            told(torch.zeros(shape))
