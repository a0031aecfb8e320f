"""MoDL: conjugate gradients against closed forms, and Tikhonov where the network says nothing."""

import numpy as np
import pytest
import torch
from scipy.sparse.linalg import LinearOperator, cg

from mbdl_repro.areas.image_restoration.methods.modl import Modl
from mbdl_repro.areas.image_restoration.methods.tikhonov import Tikhonov
from mbdl_repro.areas.image_restoration.physics.conjugate_gradient import (
    conjugate_gradient_iterates,
)
from mbdl_repro.areas.image_restoration.physics.operators import operator_of
from mbdl_repro.areas.image_restoration.scenario import Photographs
from mbdl_repro.areas.image_restoration.solvers.updates import data_step
from mbdl_repro.contract.scenario import Split
from mbdl_repro.contract.seeding import rng_for, torch_rng_for

SIDES = {"side": 24, "patch_side": 12, "block_side": 12}
SENSED = Photographs(degradation="compressed_sensing", ratio=0.4, noise_std=0.05, **SIDES)
TRUTHS = {
    "orthonormal": SENSED,
    "gaussian": Photographs(
        degradation="compressed_sensing",
        ratio=0.4,
        noise_std=0.05,
        measurement_matrix="gaussian",
        **SIDES,
    ),
    "deblurring": Photographs(degradation="deblurring", blur_std=0.9, noise_std=0.02, **SIDES),
    "super_resolution": Photographs(
        degradation="super_resolution", factor=2, noise_std=0.02, **SIDES
    ),
}
every_truth = pytest.mark.parametrize("truth", TRUTHS.values(), ids=TRUTHS)


def split(n, name, truth=SENSED):
    return Split(*map(torch.from_numpy, truth.draw(n, name, 100)))


def images(n, *name, side=12):
    return torch.from_numpy(rng_for("test", *name).standard_normal((n, side, side)))


# --- conjugate gradients ---


@pytest.mark.parametrize("iterations", [1, 2, 5, 12])
def test_conjugate_gradients_are_scipys(iterations):
    rng = rng_for("test", "system")
    root = rng.standard_normal((12, 12))
    A = root @ root.T + np.eye(12)
    b, start = rng.standard_normal((2, 3, 12))
    matrix = torch.from_numpy(A)
    found = conjugate_gradient_iterates(
        torch.from_numpy(start), torch.from_numpy(b), lambda p: p @ matrix, iterations
    )
    *_, last = found
    for row in range(3):
        expected, _ = cg(A, b[row], x0=start[row], rtol=0, atol=0, maxiter=iterations)
        np.testing.assert_allclose(last[row].numpy(), expected, rtol=0, atol=1e-9)


@every_truth
def test_enough_conjugate_gradients_are_the_closed_form(truth):
    H = operator_of(truth)
    x, z, start = split(3, "train", truth).x, images(3, "z"), images(3, "start")
    answer = data_step(start, z, x, H, 0.05, 150)
    torch.testing.assert_close(answer, H.proximal(z, x, 0.05), rtol=0, atol=1e-9)


@every_truth
def test_a_step_is_scipys_on_the_normal_equations(truth):
    H = operator_of(truth)
    x, z = split(1, "train", truth).x, images(1, "z")

    def normal(p):
        image = torch.from_numpy(p).view(1, 12, 12)
        return (H.adjoint(H(image)) + 0.05 * image).flatten().numpy()

    A = LinearOperator((144, 144), matvec=normal, dtype=float)
    b = (H.adjoint(x) + 0.05 * z).flatten().numpy()
    expected, _ = cg(A, b, x0=z.flatten().numpy(), rtol=0, atol=0, maxiter=4)
    answer = data_step(z, z, x, H, 0.05, 4).flatten().numpy()
    np.testing.assert_allclose(answer, expected, rtol=0, atol=1e-10)


def test_two_are_exact_for_orthonormal_rows_and_one_is_not():
    """HᵀH + λ I has two different eigenvalues, λ and 1 + λ."""
    H = operator_of(SENSED)
    x, z, start = split(3, "train").x, images(3, "z"), images(3, "start")
    exact = H.proximal(z, x, 0.05)
    torch.testing.assert_close(data_step(start, z, x, H, 0.05, 2), exact, rtol=0, atol=1e-12)
    assert (data_step(start, z, x, H, 0.05, 1) - exact).abs().max() > 0.01


def test_what_is_solved_stays_and_has_a_gradient():
    b = torch.stack([torch.zeros(5), torch.ones(5)]).double().requires_grad_()
    *_, last = conjugate_gradient_iterates(b.detach() / 2, b, lambda p: 2 * p, 4)
    torch.testing.assert_close(last, b / 2, rtol=0, atol=0)
    *_, last = conjugate_gradient_iterates(torch.zeros(2, 5).double(), b, lambda p: 2 * p, 4)
    (gradient,) = torch.autograd.grad(last.sum(), b)
    torch.testing.assert_close(last, b / 2, rtol=0, atol=1e-15)
    assert torch.isfinite(gradient).all()


# --- MoDL ---


@every_truth
@pytest.mark.parametrize("weight", [0.01, 0.3])
@pytest.mark.parametrize("iterations", [1, 3])
@torch.no_grad()
def test_unfitted_it_is_tikhonov(truth, weight, iterations):
    x = split(3, "test", truth).x
    sizes = {"iterations": iterations, "weight": weight, "channels": 3}
    method = Modl(truth, **sizes, inner_iterations=120)
    expected = Tikhonov(truth, weight=weight)(x)
    torch.testing.assert_close(method(x), expected, rtol=0, atol=1e-9)
    if truth is SENSED:
        few = Modl(truth, **sizes, inner_iterations=2)(x)
        torch.testing.assert_close(few, expected, rtol=0, atol=1e-11)


@every_truth
def test_each_iterate_solves_its_equation(truth):
    """(HᵀH + λ I) s_{k+1} = Hᵀx + λ D(s_k), with weights of no special kind."""
    x = split(2, "train", truth).x
    method = Modl(truth, iterations=3, channels=4, weight=0.1, inner_iterations=150)
    method.network.draw(torch_rng_for("weights"), last_scale=0.3)
    with torch.no_grad():
        method.gate.fill_(0.7)
    H, previous = method.H, None
    for s in method.iterates(x):
        if previous is not None:
            seen = 4.0 * (previous[:, None] - 0.5)
            denoised = 0.7 * previous + 0.1 * method.network(seen)[:, 0]
            left = H.adjoint(H(s)) + 0.1 * s
            torch.testing.assert_close(left, H.adjoint(x) + 0.1 * denoised, rtol=0, atol=1e-9)
        previous = s
    assert method.network(previous[:, None]).abs().max() > 0.05


def test_iterations_share_their_weights():
    for iterations in (1, 5):
        method = Modl(SENSED, iterations=iterations, channels=4, layers=3)
        assert sum(p.numel() for p in method.parameters()) == 40 + 148 + 37 + 2


@every_truth
def test_gradients_reach_every_weight(truth):
    method = Modl(truth, iterations=2, channels=4)
    method.initialize(split(4, "train", truth), torch_rng_for("weights"))
    method.network.draw(torch_rng_for("weights"), last_scale=0.3)
    method.loss(*split(4, "train", truth)).backward()
    for name, weight in method.named_parameters():
        assert torch.isfinite(weight.grad).all() and (weight.grad != 0).any(), name


@every_truth
def test_a_repeated_image_is_answered_by_the_repeated_answer(truth):
    method = Modl(truth, iterations=3, channels=4, inner_iterations=3)
    method.initialize(split(4, "train", truth), torch_rng_for("weights"))
    method.network.draw(torch_rng_for("weights"), last_scale=0.3)
    x = split(2, "train", truth).x
    repeated = x.repeat(1, 2, 2, 1) if x.ndim == 4 else x.repeat(1, 2, 2)
    answer = method(x).detach().repeat(1, 2, 2)
    torch.testing.assert_close(method(repeated).detach(), answer, rtol=0, atol=1e-10)
    assert method(split(2, "test", truth).x).shape == (2, 24, 24)


def test_observations_of_no_square_image_are_refused():
    with pytest.raises(ValueError, match="square"):
        Modl(TRUTHS["deblurring"])(torch.zeros(2, 12, 10, dtype=torch.float64))
