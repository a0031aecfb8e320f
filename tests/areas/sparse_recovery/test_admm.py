"""ADMM against scikit-learn and the equations as they are written; what is learned of it."""

import dataclasses
from itertools import repeat

import numpy as np
import pytest
import torch
from sklearn.linear_model import Lasso

from mbdl_repro.areas.sparse_recovery.methods.admm import Admm
from mbdl_repro.areas.sparse_recovery.methods.learned_admm import LearnedAdmm
from mbdl_repro.areas.sparse_recovery.methods.unfolded_admm import UnfoldedAdmm
from mbdl_repro.areas.sparse_recovery.scenario import SparseRecovery
from mbdl_repro.areas.sparse_recovery.updates.admm import (
    LARGEST_DUAL_STEP,
    admm_iterates,
    admm_step,
    with_orthogonal_rows,
)
from mbdl_repro.areas.sparse_recovery.updates.lasso_objective import duality_gap
from mbdl_repro.contract.scenario import Split
from mbdl_repro.contract.seeding import rng_for, torch_rng_for
from mbdl_repro.learning.recipe import Recipe

UNIT_COLUMNS = SparseRecovery(
    observation_matrix="unit_columns",
    n_observations=30,
    n_signal=50,
    n_nonzeros=4,
    nonzero_std=0.5,
    noise_std=0.05,
)
ORTHONORMAL_ROWS = dataclasses.replace(UNIT_COLUMNS, observation_matrix="orthonormal_rows")
TALL = dataclasses.replace(UNIT_COLUMNS, n_observations=40, n_signal=25)
EVERY_SHAPE = pytest.mark.parametrize("truth", [UNIT_COLUMNS, ORTHONORMAL_ROWS, TALL])
EVERY_CHILD = pytest.mark.parametrize("child", [LearnedAdmm, UnfoldedAdmm])
H = torch.tensor(UNIT_COLUMNS.H)


def observations(n, truth=UNIT_COLUMNS):
    return torch.from_numpy(truth.draw(n, "test").x)


def split(n, name, truth=UNIT_COLUMNS):
    return Split(*map(torch.from_numpy, truth.draw(n, name)))


def scikit_learn(x, matrix, rho):
    """Solve the same LASSO by coordinate descent; scikit-learn divides the residual by n."""
    lasso = Lasso(alpha=rho / len(matrix), fit_intercept=False, tol=1e-15, max_iter=100_000)
    return torch.from_numpy(np.stack([lasso.fit(matrix, row).coef_.copy() for row in x.numpy()]))


def textbook(x, matrix, settings):
    """Yield v of the equations as they stand, one signal at a time in numpy, with an inverse."""
    m = matrix.shape[1]
    v, u = np.zeros(m), np.zeros(m)
    for rho, lam, mu in settings:
        inverse = np.linalg.inv(matrix.T @ matrix + 2 * lam * np.eye(m))
        s = inverse @ (matrix.T @ x + 2 * lam * (v - u))
        v = np.sign(s + u) * np.maximum(np.abs(s + u) - rho / (2 * lam), 0)
        u = u + mu * (s - v)
        yield v


# --- the step ---


@EVERY_SHAPE
@pytest.mark.parametrize("penalty", [1e-4, 0.3, 50.0])
def test_the_factored_solve_equals_a_direct_one(truth, penalty):
    matrix, x = torch.tensor(truth.H), observations(6, truth)
    v, u = torch.from_numpy(rng_for("test", "signals").standard_normal((2, 6, truth.n_signal)))
    U, W = with_orthogonal_rows(matrix)
    s, *_ = admm_step(v, u, x @ U, W, W.square().sum(1), 0.1, penalty, 1.0)
    left = matrix.T @ matrix + 2 * penalty * torch.eye(truth.n_signal, dtype=x.dtype)
    direct = torch.linalg.solve(left, (x @ matrix + 2 * penalty * (v - u)).T).T
    # The direct solve loses what its condition number, 1/penalty or so, takes of 16 digits.
    torch.testing.assert_close(s, direct, rtol=0, atol=1e-14 * max(1.0, 10 / penalty))


@EVERY_SHAPE
def test_factors_are_what_they_are_said_to_be(truth):
    matrix = torch.tensor(truth.H)
    U, W = with_orthogonal_rows(matrix)
    torch.testing.assert_close(U @ W, matrix, rtol=0, atol=1e-14)
    torch.testing.assert_close(U.T @ U, torch.eye(U.shape[1], dtype=U.dtype), rtol=0, atol=1e-14)
    gram = W @ W.T
    torch.testing.assert_close(gram, gram.diagonal().diag(), rtol=0, atol=1e-13)


def test_iterates_are_the_stated_equations_signal_by_signal():
    x, settings = observations(4), [(0.05, 0.2, 1.3)] * 7
    iterates = torch.stack(
        list(Admm(UNIT_COLUMNS, iterations=7, **named(0.05, 0.2, 1.3)).iterates(x))
    )
    assert not iterates[0].any()
    for i, row in enumerate(x.numpy()):
        expected = np.stack(list(textbook(row, UNIT_COLUMNS.H, settings)))
        np.testing.assert_allclose(iterates[1:, i].numpy(), expected, rtol=0, atol=1e-13)


def named(rho, penalty, dual_step):
    return {"rho": rho, "penalty": penalty, "dual_step": dual_step}


# --- the solver ---


@EVERY_SHAPE
@pytest.mark.parametrize(
    ("penalty", "dual_step"), [(0.02, 1.6), (0.2, 0.3), (0.2, 1.0), (2.0, 1.6)]
)
def test_it_reaches_the_lasso_solution_from_any_penalty(truth, penalty, dual_step):
    x, rho = observations(6, truth), 0.05
    admm = Admm(truth, iterations=4000, **named(rho, penalty, dual_step))
    solution = scikit_learn(x, truth.H, rho)
    assert (solution != 0).any(1).all()
    assert (admm(x) - solution).square().sum(1).max() < 1e-10**2


def test_dual_steps_far_beyond_the_interval_do_not_converge():
    x, rho = observations(6), 0.05
    solution = scikit_learn(x, UNIT_COLUMNS.H, rho)

    def error(dual_step):
        settings = repeat((rho, 2.0, dual_step), 3000)
        *_, last = admm_iterates(x, *with_orthogonal_rows(H), settings)
        return last - solution

    within, beyond = error(0.99 * LARGEST_DUAL_STEP), error(2.1)
    with pytest.raises(ValueError, match=r"dual_step is 2\.1: should be less than 1\.618"):
        Admm(UNIT_COLUMNS, iterations=3000, **named(rho, 2.0, 2.1))
    assert within.abs().max() < 1e-10
    assert beyond.abs().max() > 1e-2


def test_what_it_stops_at_satisfies_the_optimality_conditions():
    """Hᵀ(x − H v) is ρ sign(v) on the support, and no larger than ρ elsewhere."""
    x, rho = observations(8), 0.05
    settings = named(rho, 0.2, 1.5)
    admm = Admm(UNIT_COLUMNS, iterations=50_000, gap_tolerance=1e-12, **settings)
    iterates = list(admm.iterates(x))
    v = iterates[-1]
    assert len(iterates) < 2000
    assert (duality_gap(v, x, H, rho) <= 1e-12 * 0.5 * x.square().sum(1)).all()
    correlation, support = (x - v @ H.T) @ H, v != 0
    assert support.any(1).all()
    assert not support.all(1).any()
    torch.testing.assert_close(correlation[support], rho * v[support].sign(), rtol=0, atol=1e-6)
    assert (correlation.abs() <= rho + 1e-6).all()


def test_a_row_alone_equals_that_row_in_a_batch():
    x = observations(6) * torch.tensor([0.1, 0.3, 1.0, 3.0, 10.0, 0.0], dtype=H.dtype)[:, None]
    admm = Admm(UNIT_COLUMNS, iterations=5000, gap_tolerance=1e-4, **named(0.02, 0.2, 1.0))
    alone = [list(admm.iterates(row[None])) for row in x]
    assert len({len(iterates) for iterates in alone}) >= 4, "rows should stop at different times"
    last = torch.cat([iterates[-1] for iterates in alone])
    torch.testing.assert_close(admm(x), last, rtol=0, atol=1e-12)


# --- what is learned of it ---


@EVERY_CHILD
def test_unfitted_it_is_admm_iteration_by_iteration(child):
    x, settings = observations(10), named(0.05, 0.3, 1.2)
    ours = child(UNIT_COLUMNS, iterations=6, **settings).iterates(x)
    classic = Admm(UNIT_COLUMNS, iterations=6, **settings).iterates(x)
    for one, other in zip(ours, classic, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-14)


def loss_and_weights(method, data):
    names, weights = zip(*method.named_parameters(), strict=True)
    rng = rng_for("test", "weights")
    weights = [
        (w + 0.2 * torch.from_numpy(rng.standard_normal(w.shape))).detach().requires_grad_()
        for w in weights
    ]

    def loss(*weights):
        named = dict(zip(names, weights, strict=True))
        estimate = torch.func.functional_call(method, named, (data.x,))
        return (estimate - data.s).square().sum()

    return loss, weights


@pytest.mark.parametrize(
    "method",
    [
        LearnedAdmm(UNIT_COLUMNS, iterations=12, **named(0.05, 0.2, 1.2)),
        LearnedAdmm(UNIT_COLUMNS, iterations=60, gap_tolerance=1e-2, **named(0.05, 0.2, 1.2)),
        UnfoldedAdmm(UNIT_COLUMNS, iterations=4, **named(0.05, 0.2, 1.2)),
    ],
)
def test_gradients_are_true_and_reach_every_entry(method):
    loss, weights = loss_and_weights(method, split(4, "train"))
    assert torch.autograd.gradcheck(loss, weights)
    assert all((gradient != 0).all() for gradient in torch.autograd.grad(loss(*weights), weights))


def test_gradients_of_the_converged_solution_are_those_of_the_lasso():
    """On the support, H_Sᵀ(x − H_S v) = ρ sign(v), so that dv/dρ = −(H_SᵀH_S)⁻¹sign(v).

    What the solver is set to, λ and μ, does not matter there.
    """
    data, rho = split(6, "train"), 0.05
    learned = LearnedAdmm(UNIT_COLUMNS, iterations=2000, **named(rho, 0.2, 1.5))
    v = learned(data.x)
    ((v - data.s) ** 2).sum().backward()
    expected = 0.0
    for row, truth in zip(v.detach(), data.s, strict=True):
        support = row != 0
        H_S = H[:, support]
        derivative = -torch.linalg.solve(H_S.T @ H_S, row[support].sign())
        expected += 2 * ((row - truth)[support] * derivative).sum().item()
    assert learned.log_rho.grad.item() == pytest.approx(rho * expected, rel=1e-8)
    assert abs(learned.log_penalty.grad.item()) < 1e-9
    assert abs(learned.logit_dual.grad.item()) < 1e-9


def test_learned_admm_stops_where_admm_with_what_it_learned_does():
    learned = LearnedAdmm(UNIT_COLUMNS, iterations=500, gap_tolerance=1e-3, **named(0.2, 0.5, 1.0))
    recipe = Recipe(learning_rate=0.1, steps=25, batch_size=32, validate_every=25)
    learned.fit(split(200, "train"), split(200, "validation"), recipe, torch_rng_for("fit"))
    rho, penalty = learned.log_rho.exp().item(), learned.log_penalty.exp().item()
    assert 0.02 < rho < 0.15  # far from where it started
    settings = named(rho, penalty, learned.learned_dual_step.item())
    admm = Admm(UNIT_COLUMNS, iterations=500, gap_tolerance=1e-3, **settings)
    x = observations(20)
    with torch.no_grad():
        torch.testing.assert_close(learned(x), admm(x), rtol=0, atol=1e-12)


def test_whatever_it_learns_its_dual_step_is_one_that_converges():
    learned = LearnedAdmm(UNIT_COLUMNS, iterations=5, **named(0.05, 0.2, 1.0))
    for value in (-30.0, 0.0, 30.0):
        with torch.no_grad():
            learned.logit_dual.fill_(value)
        assert 0 < learned.learned_dual_step.item() < LARGEST_DUAL_STEP


def test_unfolded_layers_compute_the_stated_equations_with_settings_of_their_own():
    unfolded = UnfoldedAdmm(UNIT_COLUMNS, iterations=4, **named(0.05, 0.2, 1.2))
    rng = rng_for("test", "weights")
    with torch.no_grad():
        for weight in unfolded.parameters():
            weight += 0.5 * torch.from_numpy(rng.standard_normal(weight.shape))
        x = observations(3)
        iterates = torch.stack(list(unfolded.iterates(x)))[1:]
    rho, penalty, dual_step = (np.exp(weight.detach().numpy()) for weight in unfolded.parameters())
    settings = list(zip(rho, penalty, [*dual_step, np.nan], strict=True))
    for i, row in enumerate(x.numpy()):
        expected = np.stack(list(textbook(row, UNIT_COLUMNS.H, settings)))
        np.testing.assert_allclose(iterates[:, i].numpy(), expected, rtol=0, atol=1e-12)


def test_five_unfolded_iterations_beat_five_of_the_admm_they_start_from():
    settings = named(0.05, 0.2, 1.0)
    unfolded = UnfoldedAdmm(UNIT_COLUMNS, iterations=5, **settings)
    recipe = Recipe(learning_rate=0.05, steps=150, batch_size=64)
    unfolded.fit(split(500, "train"), split(200, "validation"), recipe, torch_rng_for("fit"))
    test = split(500, "test")
    with torch.no_grad():
        fitted = unfolded.loss(*test)
        assert fitted < 0.9 * Admm(UNIT_COLUMNS, iterations=5, **settings).loss(*test)


def test_a_single_unfolded_iteration_has_no_dual_step_and_can_be_fitted():
    unfolded = UnfoldedAdmm(UNIT_COLUMNS, iterations=1, **named(0.05, 0.2, 1.0))
    before = unfolded.log_rho.item()
    recipe = Recipe(steps=5, clip_norm=1.0)
    unfolded.fit(split(50, "train"), split(50, "validation"), recipe, torch_rng_for("fit"))
    assert sum(p.numel() for p in unfolded.parameters()) == 2
    assert unfolded.log_rho.item() != before
