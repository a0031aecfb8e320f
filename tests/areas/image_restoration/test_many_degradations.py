"""Images that each come with their degradation, and who restores them."""

import dataclasses

import numpy as np
import pytest
import torch

from mbdl_repro.areas.image_restoration.methods.dpdnn import Dpdnn
from mbdl_repro.areas.image_restoration.methods.kernel_blind_network import KernelBlindNetwork
from mbdl_repro.areas.image_restoration.methods.told_interpolation import ToldInterpolation
from mbdl_repro.areas.image_restoration.methods.told_plug_and_play import ToldPlugAndPlay
from mbdl_repro.areas.image_restoration.methods.told_total_variation import ToldTotalVariation
from mbdl_repro.areas.image_restoration.methods.total_variation import TotalVariation
from mbdl_repro.areas.image_restoration.methods.usrnet import Usrnet
from mbdl_repro.areas.image_restoration.physics.kernels import arc, disk, sheared_gaussian
from mbdl_repro.areas.image_restoration.physics.told import told
from mbdl_repro.areas.image_restoration.scenario import Photographs
from mbdl_repro.areas.image_restoration.systems.many_degradations import (
    CASES,
    KERNEL_SIDE,
    NOISE,
    ManyDegradations,
    fixed_kernel,
    planes_of,
)
from mbdl_repro.contract.method import Method
from mbdl_repro.contract.seeding import torch_rng_for
from mbdl_repro.learning.recipe import Recipe

SMALL = ManyDegradations(side=24, patch_side=12)


@pytest.fixture(scope="module")
def drawn():
    return SMALL.draw(400, "test", 0)


# --- the scenario ---


def test_images_are_those_of_photographs_and_each_has_its_own_degradation(drawn):
    photographs = Photographs(degradation="denoising", noise_std=0.1, side=24, patch_side=12)
    assert np.array_equal(drawn.s, photographs.draw(400, "test", 0).s)
    kernels, scales, noise = drawn.x[:, 1], drawn.x[:, 2, 0, 0], drawn.x[:, 3, 0, 0]
    np.testing.assert_allclose(kernels.sum((1, 2)), 1)
    assert len(np.unique(kernels.reshape(400, -1), axis=0)) == 400
    for f in (1, 2, 3):  # a third of them each, within four standard errors
        assert abs(np.mean(scales == f) - 1 / 3) < 4 * np.sqrt(2 / 9 / 400)
    assert noise.min() >= NOISE[0] and noise.max() <= NOISE[1]
    assert abs(noise.mean() - np.mean(NOISE)) < 4 * np.ptp(NOISE) / np.sqrt(12 * 400)


def test_what_is_told_is_what_happened(drawn):
    x, s = map(torch.tensor, drawn)
    H, y, _, noise_std = told(x)
    residual = (y - H(s)).square().sum((1, 2)) / H.kept.sum((1, 2))
    ratio = (residual / noise_std.square()).numpy()
    # Of N pixels it is χ²/N: 1, with variance 2/N.
    errors = (ratio - 1) / np.sqrt(2 / H.kept.sum((1, 2)).numpy())
    assert abs(errors.mean()) < 4 / np.sqrt(400)
    assert 0.8 < errors.std() < 1.2


def test_what_is_told_changes_nothing_that_happens():
    right = SMALL.draw(5, "test", 1)
    wrong = dataclasses.replace(SMALL, told_kernel="another", told_noise=2.0).draw(5, "test", 1)
    assert np.array_equal(right.s, wrong.s)
    assert np.array_equal(right.x[:, [0, 2]], wrong.x[:, [0, 2]])
    np.testing.assert_allclose(wrong.x[:, 3], 2 * right.x[:, 3])
    assert np.abs(wrong.x[:, 1] - right.x[:, 1]).max((1, 2)).min() > 0.01
    np.testing.assert_allclose(wrong.x[:, 1].sum((1, 2)), 1)


@pytest.mark.parametrize("case", CASES)
def test_a_case_is_one_degradation_for_all(case):
    kernel, scale, noise_std = CASES[case]
    x = dataclasses.replace(SMALL, case=case).draw(4, "test", 0).x
    expected = planes_of(
        np.zeros((24 // scale, 24 // scale)), fixed_kernel(kernel), scale, noise_std
    )
    assert all(np.array_equal(planes[1:], expected[1:]) for planes in x)


def test_kernels_of_cases_have_the_moments_that_they_say():
    rows, columns = np.indices((KERNEL_SIDE, KERNEL_SIDE)) - KERNEL_SIDE // 2
    for kernel in map(fixed_kernel, ("gaussian", "shake", "defocus")):
        assert kernel.sum() == pytest.approx(1)
        centre = (rows * kernel).sum(), (columns * kernel).sum()
        np.testing.assert_allclose(centre, 0, atol=0.02)  # to what pixels round
        assert np.count_nonzero(kernel > 0.01) >= 10  # several pixels: worth knowing
    # Large ones, of which pixels round off little: r²/4 along a line, and r²/2 all around an arc.
    rows = np.indices((45, 45))[0] - 22
    assert (rows**2 * disk(20.0, 45)).sum() == pytest.approx(20**2 / 4, rel=0.01)
    assert (rows**2 * arc(20.0, 2 * np.pi, 45)).sum() == pytest.approx(20**2 / 2, rel=0.01)
    along = sheared_gaussian(1.5, 0.7, np.pi / 2, 15)  # downwards
    assert ((np.indices((15, 15))[0] - 7) ** 2 * along).sum() == pytest.approx(1.5**2, rel=0.01)
    assert ((np.indices((15, 15))[1] - 7) ** 2 * along).sum() == pytest.approx(0.7**2, rel=0.01)


def test_sides_that_a_scale_does_not_divide_are_refused():
    with pytest.raises(ValueError, match="patch_side is 20: should be a multiple of 6"):
        ManyDegradations(patch_side=20)


# --- methods ---


def with_prior(method: Method) -> Method:
    """Give a method a denoiser that does something, the same one each time."""
    method.prior.network.draw(torch_rng_for("a denoiser"), last_scale=0.3)
    return method


def test_at_its_start_usrnet_is_plug_and_play_with_the_same_denoiser(drawn):
    settings = {"strength": 1.5, "penalty": 0.2, "iterations": 4}
    classical = with_prior(ToldPlugAndPlay(SMALL, **settings))
    unfolded = with_prior(Usrnet(SMALL, **settings))
    unfolded.adapter.draw(torch_rng_for("adapter"), gain=2.0, last_gain=0.0)
    x = torch.tensor(drawn.x[:20])
    pairs = zip(classical.iterates(x), unfolded.iterates(x), strict=True)
    for theirs, ours in pairs:
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-12)


def test_a_fit_of_usrnet_starts_there():
    """A learning rate of next to nothing leaves what the denoiser's own fit has found."""
    train, validation = SMALL.draw(60, "train", 0), SMALL.draw(20, "validation", 0)
    recipe = {"learning_rate": 0.01, "batch_size": 16, "clip_norm": 300.0, "validate_every": 100}
    classical = ToldPlugAndPlay(SMALL, iterations=2, channels=3)
    denoising = Recipe(**recipe, precision="single", steps=30)
    classical.fit(train, validation, denoising)
    unfolded = Usrnet(SMALL, iterations=2, channels=3, denoiser_steps=30)
    unfolded.fit(train, validation, Recipe(steps=1, learning_rate=1e-12))
    x = SMALL.draw(5, "test", 0).x
    np.testing.assert_allclose(unfolded.estimate(x), classical.estimate(x), rtol=0, atol=1e-6)


def with_another_kernel(x: np.ndarray) -> np.ndarray:
    return np.concatenate([x[:, :1], np.roll(x[:, 1:2], 1, axis=0), x[:, 2:]], 1)


@pytest.mark.parametrize(
    ("method", "sees_it"),
    [
        (with_prior(Usrnet(SMALL)), True),
        (with_prior(Dpdnn(SMALL)), True),
        (with_prior(Dpdnn(SMALL, operator="left_out")), False),
        (KernelBlindNetwork(SMALL), False),
        (ToldInterpolation(SMALL), False),
        (ToldTotalVariation(SMALL, iterations=5), True),
    ],
    ids=["usrnet", "dpdnn", "dpdnn without H", "network", "interpolation", "total variation"],
)
def test_who_sees_the_kernel(method, sees_it, drawn):
    if isinstance(method, KernelBlindNetwork):
        method.network.draw(torch_rng_for("network"), last_scale=1.0)
    x = drawn.x[:10]
    moved = np.abs(method.estimate(x) - method.estimate(with_another_kernel(x))).max()
    assert (moved > 0.01) == sees_it
    assert sees_it or moved == 0


def test_a_gradient_step_is_one_on_the_data_and_one_towards_the_denoiser(drawn):
    x = torch.tensor(drawn.x[:6])
    method = with_prior(Dpdnn(SMALL, iterations=1, step=0.7, pull=0.4, strength=2.0))
    H, y, _, noise_std = told(x)
    s = H.start(y).detach().requires_grad_()
    (gradient,) = torch.autograd.grad(0.5 * (y - H(s)).square().sum(), s)
    D = method.prior(s, 2.0 * noise_std).detach()  # its only level is the last one
    expected = s - 0.7 / H.largest[:, None, None] * gradient - 0.4 * (s - D)
    torch.testing.assert_close(method(x), expected, rtol=0, atol=1e-10)


def test_without_the_operator_steps_are_the_published_average(drawn):
    x = torch.tensor(drawn.x[:6])
    settings = {"operator": "left_out", "iterations": 1, "step": 0.1, "pull": 0.5}
    method = with_prior(Dpdnn(SMALL, strength=2.0, **settings))
    y = ToldInterpolation(SMALL)(x)
    D = method.prior(y, 2.0 * told(x).noise_std)
    torch.testing.assert_close(method(x), (1 - 0.1 - 0.5) * y + 0.5 * D + 0.1 * y)


@pytest.mark.parametrize("scale", [1, 2])
def test_total_variation_is_that_of_one_h_for_all(scale):
    sigma, weight = 0.05, 0.01
    degradation = "deblurring" if scale == 1 else "super_resolution"
    truth = Photographs(
        degradation=degradation,
        blur_std=1.2,
        noise_std=sigma,
        side=24,
        patch_side=12,
        block_side=12,
    )
    numbers = {"iterations": 20, "penalty": 0.03, "coupling": 0.02}
    y = truth.draw(3, "test", 0).x
    expected = TotalVariation(truth, weight=weight, neighbours=4, **numbers).estimate(y)
    x = np.stack([planes_of(image, truth.kernel, scale, sigma) for image in y])
    mine = ToldTotalVariation(SMALL, weight=weight / sigma**2, **numbers)
    np.testing.assert_allclose(mine.estimate(x), expected, rtol=0, atol=1e-10)


def test_restored_images_lie_where_the_truth_does():
    """Moved by a pixel in any direction they agree less with it, at every scale."""
    for case in ("shake_x1", "gaussian_x2", "gaussian_x3"):
        test = dataclasses.replace(SMALL, side=48, case=case).draw(9, "test", 0)
        for method in (ToldInterpolation(SMALL), ToldTotalVariation(SMALL)):
            s = method.estimate(test.x)
            moves = [(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1)]
            errors = [np.square(np.roll(s, move, (1, 2)) - test.s).mean() for move in moves]
            assert moves[int(np.argmin(errors))] == (0, 0)
