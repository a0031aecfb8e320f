"""Conjugate gradients against SciPy's, dense solutions and closed forms; and rows that are bad."""

import numpy as np
import pytest
import torch
from scipy.sparse.linalg import LinearOperator, cg

from mbdl_repro.areas.image_restoration.physics.conjugate_gradient import (
    conjugate_gradient_iterates,
    solved,
)
from mbdl_repro.areas.image_restoration.physics.operators import operator_of
from mbdl_repro.areas.image_restoration.scenario import Photographs
from mbdl_repro.areas.image_restoration.solvers.updates import data_step
from mbdl_repro.contract.scenario import Split
from mbdl_repro.contract.seeding import rng_for

SIDES = {"side": 24, "patch_side": 12, "block_side": 12}
SENSED = Photographs(degradation="compressed_sensing", ratio=0.4, noise_std=0.05, **SIDES)
TRUTHS = {
    "orthonormal": SENSED,
    "gaussian": SENSED.believed(measurement_matrix="gaussian"),
    "deblurring": SENSED.believed(degradation="deblurring", blur_std=0.9),
    "super_resolution": SENSED.believed(degradation="super_resolution"),
}
every_truth = pytest.mark.parametrize("truth", TRUTHS.values(), ids=TRUTHS)


def split(n, name, truth=SENSED):
    return Split(*map(torch.from_numpy, truth.draw(n, name, 100)))


def images(n, *name, side=12):
    return torch.from_numpy(rng_for("test", *name).standard_normal((n, side, side)))


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


# --- until all rows are solved ---


def system(condition=1e4):
    """A symmetric A with eigenvalues from 1 to the condition number, and right-hand sides."""
    rng = rng_for("test", "system")
    Q = np.linalg.qr(rng.standard_normal((30, 30)))[0]
    A = (Q * np.geomspace(1.0, condition, 30)) @ Q.T
    return torch.from_numpy(A), torch.from_numpy(rng.standard_normal((6, 30)))


def test_rows_are_solved_to_ten_digits_of_their_right_hand_sides():
    A, b = system()
    answer = solved(b, lambda p: p @ A)
    residual = (b - answer @ A).norm(dim=1)
    assert (residual <= 1e-9 * b.norm(dim=1)).all()
    torch.testing.assert_close(answer, torch.linalg.solve(A, b.mT).mT, rtol=0, atol=1e-8)


def test_it_ends_once_all_rows_are_solved_and_none_waits_for_another():
    A, b = system(4.0)
    applied = []

    def counted(p):
        applied.append(len(p))
        return p @ A

    answer = solved(b, counted)
    assert len(applied) < 40  # (√4 − 1)/(√4 + 1) an iteration: 21 for ten digits
    # Beside a row that takes many more iterations, and one that takes none, it is the same.
    hard = torch.block_diag(A, system(1e6)[0])
    wide = torch.zeros(8, 60, dtype=torch.float64)
    wide[:6, :30], wide[6, 30:] = b, b[0]
    beside = solved(wide, lambda p: p @ hard)
    torch.testing.assert_close(beside[:6, :30], answer, rtol=0, atol=1e-14)
    assert not beside[7].any()


@pytest.mark.parametrize("value", [float("inf"), float("nan"), 1e160, 1e-170, 0.0])
def test_a_bad_row_has_no_part_in_the_others(value):
    A, b = system(100.0)
    spoilt = b.clone()
    spoilt[1] *= value
    answer, whole = solved(spoilt, lambda p: p @ A), solved(b, lambda p: p @ A)
    assert torch.equal(answer[[0, 2, 3, 4, 5]], whole[[0, 2, 3, 4, 5]])
    if np.isfinite(value):
        torch.testing.assert_close(answer[1], value * whole[1], rtol=1e-7, atol=0)
    else:
        assert answer[1].isnan().all()


def test_a_row_of_which_one_entry_is_no_number_has_no_answer():
    A, b = system(100.0)
    for spoilt in (b[:1], b):
        spoilt = spoilt.clone()
        spoilt[0, 3] = float("nan")
        assert not solved(spoilt, lambda p: p @ A)[0].isfinite().any()
