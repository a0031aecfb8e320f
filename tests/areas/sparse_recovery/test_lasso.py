"""The exact LASSO against coordinate descent and its optimality conditions; what refits it."""

import dataclasses

import numpy as np
import pytest
import torch
from sklearn.linear_model import Lasso as CoordinateDescent
from truths import BENCHMARK, EXAMPLE_5_6

from mbdl_repro.areas.sparse_recovery import exact_lasso
from mbdl_repro.areas.sparse_recovery.exact_lasso import lasso_solution, least_squares_on_support
from mbdl_repro.areas.sparse_recovery.methods.debiased_lasso import DebiasedLasso
from mbdl_repro.areas.sparse_recovery.methods.fista import Fista
from mbdl_repro.areas.sparse_recovery.methods.lasso import Lasso
from mbdl_repro.areas.sparse_recovery.updates.lasso_objective import duality_gap

EXAMPLE_3_6 = dataclasses.replace(  # wide enough for the other form of FISTA's steps
    EXAMPLE_5_6,
    observation_matrix="orthonormal_rows",
    n_observations=64,
    n_signal=250,
)

CASES = [
    (EXAMPLE_5_6, 0.003),
    (EXAMPLE_5_6, 0.015),
    (EXAMPLE_5_6, 0.2),
    (BENCHMARK, 0.003),
    (BENCHMARK, 0.05),
    (EXAMPLE_3_6, 0.01),
]
every_case = pytest.mark.parametrize(("truth", "rho"), CASES)


def observations(truth, n):
    return torch.from_numpy(truth.draw(n, "test").x)


@every_case
def test_it_is_the_solution_of_coordinate_descent(truth, rho):
    x = observations(truth, 4)
    solver = CoordinateDescent(
        alpha=rho / truth.n_observations, fit_intercept=False, tol=1e-15, max_iter=100_000
    )
    expected = torch.from_numpy(np.stack([solver.fit(truth.H, row).coef_.copy() for row in x]))
    torch.testing.assert_close(Lasso(truth, rho=rho)(x), expected, rtol=0, atol=1e-9)


@every_case
def test_it_satisfies_the_optimality_conditions_and_its_gap_vanishes(truth, rho):
    x, H = observations(truth, 40), torch.tensor(truth.H)
    s = Lasso(truth, rho=rho)(x)
    assert (duality_gap(s, x, H, rho) <= 1e-10 * 0.5 * x.square().sum(1)).all()
    correlation = (x - s @ H.T) @ H
    support = s != 0
    assert support.any()
    torch.testing.assert_close(correlation[support], rho * s[support].sign(), rtol=0, atol=1e-11)
    assert (correlation.abs() <= rho + 1e-11).all()


@every_case
def test_a_row_is_solved_alike_in_any_batch(truth, rho):
    x = observations(truth, 6) * torch.logspace(-1, 1, 6, dtype=torch.float64)[:, None]
    H = torch.tensor(truth.H)
    together = lasso_solution(x, H, rho)
    alone = torch.cat([lasso_solution(row[None], H, rho) for row in x])
    torch.testing.assert_close(together, alone, rtol=1e-12, atol=1e-12)


@every_case
def test_what_amp_finds_is_what_fista_finds(truth, rho, monkeypatch):
    x, H = observations(truth, 6), torch.tensor(truth.H)
    expected = lasso_solution(x, H, rho)
    monkeypatch.setattr(exact_lasso, "AMP_ITERATIONS", 0)
    torch.testing.assert_close(lasso_solution(x, H, rho), expected, rtol=0, atol=1e-11)


def test_coherent_columns_that_amp_diverges_on_are_left_to_fista():
    x, H = observations(EXAMPLE_5_6, 6), torch.tensor(EXAMPLE_5_6.H) + 0.3
    s = lasso_solution(x, H, 0.05)
    assert (duality_gap(s, x, H, 0.05) <= 1e-10 * 0.5 * x.square().sum(1)).all()
    only_amp = lasso_solution(x, H, 0.05, max_iterations=exact_lasso.AMP_ITERATIONS)
    assert only_amp.isnan().any()


def test_nothing_is_left_from_the_largest_correlation_on():
    x, H = observations(EXAMPLE_5_6, 5), torch.tensor(EXAMPLE_5_6.H)
    for row in x:
        largest = (row @ H).abs().max().item()
        assert not lasso_solution(row[None], H, largest * (1 + 1e-9)).any()
        assert (lasso_solution(row[None], H, largest * 0.99) != 0).sum() >= 1


def test_rows_of_zeros_and_rows_that_are_no_numbers():
    x, H = observations(EXAMPLE_5_6, 4), torch.tensor(EXAMPLE_5_6.H)
    expected = lasso_solution(x, H, 0.05)
    x[1], x[2, 3] = 0.0, torch.nan
    s = lasso_solution(x, H, 0.05)
    assert not s[1].any()
    assert s[2].isnan().all()
    torch.testing.assert_close(s[[0, 3]], expected[[0, 3]], rtol=0, atol=1e-12)
    assert lasso_solution(x[:0], H, 0.05).shape == (0, 200)


def test_dependent_columns_do_not_keep_it_from_a_minimum():
    """Each column twice: the minimum is reached by many, and no Newton step is defined."""
    x, H = observations(EXAMPLE_5_6, 6), torch.tensor(EXAMPLE_5_6.H)[:, :40]
    twice = torch.cat([H, H], 1)
    s = lasso_solution(x, twice, 0.02)
    assert (duality_gap(s, x, twice, 0.02) <= 1e-10 * 0.5 * x.square().sum(1)).all()
    once = lasso_solution(x, H, 0.02)
    # A gap g bounds ½‖H(s − s*)‖².
    distance = ((s[:, :40] + s[:, 40:] - once) @ H.T).square().sum(1)
    assert (distance <= 2e-10 * x.square().sum(1)).all()


def test_what_is_not_solved_is_not_answered():
    """A row that the iterations do not suffice for is NaN, never its last iterate."""
    x = observations(BENCHMARK, 10)
    hurried = Lasso(BENCHMARK, rho=0.002, max_iterations=1)(x)
    assert hurried.isnan().all()
    patient = Lasso(BENCHMARK, rho=0.002)(x)
    assert patient.isfinite().all()
    some = Lasso(BENCHMARK, rho=0.005, max_iterations=45)(x)
    answered = some.isfinite().all(1)
    assert 0 < answered.sum() < len(x)
    assert (some.isnan().all(1) | answered).all()
    unhurried = Lasso(BENCHMARK, rho=0.005)(x)
    torch.testing.assert_close(some[answered], unhurried[answered], rtol=0, atol=1e-9)


def test_it_answers_in_single_precision_too():
    x = observations(EXAMPLE_5_6, 5)
    exact = Lasso(EXAMPLE_5_6, rho=0.02)(x)
    single = Lasso(EXAMPLE_5_6, rho=0.02).float()(x.float())
    assert single.dtype == torch.float32
    torch.testing.assert_close(single.double(), exact, rtol=0, atol=1e-5)


def test_fista_converges_to_it():
    x = observations(EXAMPLE_5_6, 10)
    converged = Fista(EXAMPLE_5_6, iterations=3000, rho=0.02)(x)
    torch.testing.assert_close(Lasso(EXAMPLE_5_6, rho=0.02)(x), converged, rtol=0, atol=1e-10)


def squared_errors(method, n=1000):
    x, s = map(torch.from_numpy, EXAMPLE_5_6.draw(n, "test"))
    return (method(x) - s).square().sum(1)


def test_errors_are_the_known_ones():
    """Recomputed in the notebook's setting: ρ = 0.015 is best, 0.00238; 0.05 refitted 6.7e-4."""
    by_rho = {
        rho: squared_errors(Lasso(EXAMPLE_5_6, rho=rho)).mean().item()
        for rho in (0.01, 0.015, 0.02, 0.03)
    }
    assert min(by_rho, key=by_rho.get) == 0.015
    for rho, known in ((0.01, 0.00313), (0.015, 0.00238), (0.02, 0.00254), (0.03, 0.00421)):
        assert abs(by_rho[rho] / known - 1) < 0.08, rho
    refitted = squared_errors(DebiasedLasso(EXAMPLE_5_6, rho=0.05))
    standard_error = refitted.std().item() / 1000**0.5
    assert abs(refitted.mean().item() - 6.7e-4) < 4 * 2**0.5 * standard_error


@pytest.mark.parametrize("rho", [0.015, 0.05, 0.5])
def test_the_refit_is_least_squares_on_the_support(rho):
    x = observations(EXAMPLE_5_6, 6)
    refitted = DebiasedLasso(EXAMPLE_5_6, rho=rho)(x).numpy()
    for row, answer, s in zip(x.numpy(), refitted, Lasso(EXAMPLE_5_6, rho=rho)(x).numpy()):
        support = s != 0
        expected = np.zeros_like(answer)
        expected[support] = np.linalg.lstsq(EXAMPLE_5_6.H[:, support], row)[0]
        np.testing.assert_allclose(answer, expected, rtol=0, atol=1e-11)


def test_where_least_squares_is_not_unique_the_lasso_stays():
    H = torch.tensor(EXAMPLE_5_6.H)[:20]
    x = observations(EXAMPLE_5_6, 3)[:, :20]
    s = torch.zeros(3, 200, dtype=torch.float64)
    s[0, :21] = 1.0  # more columns than rows
    s[1, :5] = 1.0
    refitted = least_squares_on_support(s, x, H)
    assert refitted[0].isnan().all()
    assert (refitted[1] != 0).sum() == 5
    assert not refitted[2].any()
    twice = torch.cat([H[:, :10], H[:, :10]], 1)
    assert least_squares_on_support(torch.ones(1, 20).double(), x[:1], twice).isnan().all()
