"""ISTA and FISTA against the theory of their convergence, and against scikit-learn."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from sklearn.linear_model import Lasso

from mbdl_repro.areas.sparse_recovery.methods.fista import Fista
from mbdl_repro.areas.sparse_recovery.methods.ista import Ista
from mbdl_repro.areas.sparse_recovery.scenario import SparseRecovery
from mbdl_repro.areas.sparse_recovery.updates.gradient_steps import lipschitz_constant
from mbdl_repro.areas.sparse_recovery.updates.lasso_objective import duality_gap, objective

TRUTH = SparseRecovery(
    observation_matrix="unit_columns",
    n_observations=30,
    n_signal=50,
    n_nonzeros=4,
    nonzero_std=0.5,
    noise_std=0.05,
)
H = torch.tensor(TRUTH.H)
L = lipschitz_constant(H)
BOTH = pytest.mark.parametrize("solver", [Ista, Fista])


def observations(n):
    return torch.from_numpy(TRUTH.draw(n, "test").x)


def scikit_learn(x, matrix, rho):
    """Solve the same LASSO by coordinate descent; scikit-learn divides the residual by n."""
    lasso = Lasso(alpha=rho / len(matrix), fit_intercept=False, tol=1e-15, max_iter=100_000)
    rows = [lasso.fit(matrix, row).coef_.copy() for row in x.numpy()]
    return torch.from_numpy(np.stack(rows))


@pytest.mark.parametrize("rho", [0.01, 0.05, 0.2])
def test_solution_is_that_of_coordinate_descent(rho):
    x = observations(8)
    solution = scikit_learn(x, TRUTH.H, rho)
    converged = Fista(TRUTH, iterations=6_000, rho=rho)(x)
    torch.testing.assert_close(converged, solution, rtol=0, atol=1e-9)
    assert (solution != 0).any(1).all()

    # A gap certifies F, which grows from its minimum by at least ½‖H(s − s*)‖².
    stopped = Fista(TRUTH, iterations=10_000, rho=rho, gap_tolerance=1e-6)(x)
    distance = ((stopped - solution) @ H.T).square().sum(1)
    assert (distance <= 2 * 1e-6 * 0.5 * x.square().sum(1)).all()
    assert (distance > 0).all()


@BOTH
def test_solution_satisfies_the_optimality_conditions(solver):
    """Hᵀ(x − H s) is ρ sign(s) on the support, and no larger than ρ elsewhere."""
    x, rho = observations(8), 0.05
    s = solver(TRUTH, iterations=50_000, rho=rho, gap_tolerance=1e-12)(x)
    gaps = duality_gap(s, x, H, rho)
    assert (gaps <= 1e-12 * 0.5 * x.square().sum(1)).all()
    correlation = (x - s @ H.T) @ H
    support = s != 0
    assert support.any(1).all()
    assert not support.all(1).any()
    torch.testing.assert_close(correlation[support], rho * s[support].sign(), rtol=0, atol=1e-8)
    assert (correlation.abs() <= rho + 1e-8).all()


@BOTH
def test_a_large_penalty_leaves_nothing(solver):
    x = observations(1)
    largest = (x @ H).abs().max().item()
    assert not solver(TRUTH, iterations=200, rho=largest * (1 + 1e-12))(x).any()
    assert solver(TRUTH, iterations=200, rho=largest * 0.99)(x).any()


def excess_by_iteration(solver, belief, x, rho, solution):
    """F(s_k) − F(s*) for k = 0, …, 300, (301, n)."""
    matrix = torch.tensor(belief.H)
    iterates = solver(belief, iterations=300, rho=rho).iterates(x)
    values = torch.stack([objective(s, x, matrix, rho) for s in iterates])
    return values - objective(solution, x, matrix, rho)


@BOTH
def test_objective_converges_as_fast_as_proved(solver):
    """L‖s*‖²/(2k) for ISTA, 2L‖s*‖²/(k + 1)² for FISTA, at every iteration of every signal."""
    x, rho = observations(20), 0.02
    solution = scikit_learn(x, TRUTH.H, rho)
    excess = excess_by_iteration(solver, TRUTH, x, rho, solution)
    energy = solution.square().sum(1)
    k = torch.arange(1, 301)[:, None]
    bound = L * energy / (2 * k) if solver is Ista else 2 * L * energy / (k + 1) ** 2
    assert (excess[1:] <= bound + 1e-12).all()
    assert (excess[-1] >= -1e-12).all()
    if solver is Ista:
        assert (excess.diff(dim=0) <= 1e-14).all(), "a step of 1/L never increases the objective"


def test_momentum_earns_its_rate_on_a_hard_problem():
    """On first differences ISTA breaks FISTA's bound, and FISTA keeps it: the bound can bite."""
    size, rho = 100, 1e-3
    belief = SimpleNamespace(H=np.eye(size) - np.eye(size, k=1))
    x = torch.tensor(belief.H.sum(1))[None]
    solution = Fista(belief, iterations=20_000, rho=rho, gap_tolerance=1e-7)(x)
    difference = torch.tensor(belief.H)
    assert duality_gap(solution, x, difference, rho).item() < 1e-6
    k = torch.arange(1, 301)
    bound = 2 * lipschitz_constant(difference) * solution.square().sum() / (k + 1) ** 2
    ista = excess_by_iteration(Ista, belief, x, rho, solution)[1:, 0]
    fista = excess_by_iteration(Fista, belief, x, rho, solution)[1:, 0]
    assert bound.min() > 1e-4, "the gap would matter"
    assert (fista <= bound).all()
    assert (ista > bound).any()


@BOTH
def test_a_row_alone_equals_that_row_in_a_batch(solver):
    x = observations(6) * torch.tensor([0.1, 0.3, 1.0, 3.0, 10.0, 0.0], dtype=H.dtype)[:, None]
    method = solver(TRUTH, iterations=20_000, rho=0.02, gap_tolerance=1e-3)
    together = method(x)
    alone = [list(method.iterates(row[None])) for row in x]
    assert len({len(iterates) for iterates in alone}) >= 4, "rows should stop at different times"
    torch.testing.assert_close(
        together, torch.cat([iterates[-1] for iterates in alone]), rtol=0, atol=1e-12
    )


@BOTH
def test_iterates_start_at_zero_and_end_at_the_estimate(solver):
    x = observations(3)
    method = solver(TRUTH, iterations=7, rho=0.02)
    iterates = list(method.iterates(x))
    assert len(iterates) == 8
    assert not iterates[0].any()
    assert torch.equal(iterates[-1], method(x))
    assert torch.equal(method(x), method(x))


@BOTH
def test_the_step_is_one_over_l_unless_said(solver):
    x = observations(3)
    default = solver(TRUTH, iterations=9, rho=0.02)(x)
    torch.testing.assert_close(default, solver(TRUTH, iterations=9, rho=0.02, step=1 / L)(x))
    assert not torch.allclose(default, solver(TRUTH, iterations=9, rho=0.02, step=0.5 / L)(x))
