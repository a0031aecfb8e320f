"""Iterations towards the posterior mean: against exact risks, solvers, and polynomials."""

import numpy as np
import pytest
import scipy.sparse.linalg
import torch
from linear_rules import affine, exact_risk, pairs

from mbdl_repro.areas.linear_estimation.bounds import (
    best_fixed_steps,
    minimum_mean_squared_error,
)
from mbdl_repro.areas.linear_estimation.methods.conjugate_gradient import ConjugateGradient
from mbdl_repro.areas.linear_estimation.methods.gradient_descent import GradientDescent
from mbdl_repro.areas.linear_estimation.methods.linear_mmse import LinearMMSE
from mbdl_repro.areas.linear_estimation.methods.step_network import StepNetwork
from mbdl_repro.areas.linear_estimation.methods.unfolded_gradient import UnfoldedGradient
from mbdl_repro.areas.linear_estimation.methods.unfolded_network import UnfoldedNetwork
from mbdl_repro.areas.linear_estimation.methods.unfolded_objective import UnfoldedObjective
from mbdl_repro.areas.linear_estimation.scenario import LinearGaussian
from mbdl_repro.areas.linear_estimation.updates import lower_triangle, triangular
from mbdl_repro.contract.seeding import torch_rng_for
from mbdl_repro.learning.recipe import Recipe

TRUTH = LinearGaussian()
BELIEFS = {
    "right": TRUTH,
    "wrong prior": TRUTH.believed(signal_covariance="identity"),
    "wrong matrix": TRUTH.believed(matrix_perturbation=0.1),
}
WIDE = LinearGaussian(n_signal=7, n_observations=4, observation_matrix="gaussian")
beliefs = pytest.mark.parametrize("belief", BELIEFS.values(), ids=BELIEFS)


def hessian(belief: LinearGaussian) -> np.ndarray:
    H = belief.matrix
    return H.T @ H / belief.noise_variance + np.linalg.inv(belief.covariance)


def best_polynomial(belief: LinearGaussian, k: int) -> float:
    """Return the exact risk, on the truth, of the best q(Q) Hᵀx of degree k − 1, Q believed."""
    values, vectors = np.linalg.eigh(hessian(belief))
    b = vectors.T @ belief.matrix.T / belief.noise_variance  # of x
    H, C_s = TRUTH.matrix, TRUTH.covariance
    C_xx = H @ C_s @ H.T + TRUTH.noise_variance * np.eye(30)
    power = np.einsum("ij,jk,ik->i", b, C_xx, b)
    crossed = np.einsum("ij,jk,ki->i", b, H @ C_s, vectors)
    scaled = 2 * (values - values[0]) / (values[-1] - values[0]) - 1
    root = np.sqrt(power)
    basis = root[:, None] * np.polynomial.chebyshev.chebvander(scaled, k - 1)
    orthonormal, _ = np.linalg.qr(basis)
    return float(np.trace(C_s) - ((orthonormal.T @ (crossed / root)) ** 2).sum())


# --- gradient descent ---


@beliefs
@pytest.mark.parametrize("steps", ["chebyshev", "best"])
def test_many_steps_reach_the_posterior_mean(belief: LinearGaussian, steps: str) -> None:
    x = pairs(TRUTH, 10, "test").x
    estimate = GradientDescent(belief, iterations=150, steps=steps)(x)
    torch.testing.assert_close(estimate, LinearMMSE(belief)(x), rtol=0, atol=1e-4)


@pytest.mark.parametrize(("k", "rounded"), [(3, 1.3665), (5, 0.8956), (10, 0.5713), (20, 0.4970)])
def test_the_bound_is_the_exact_risk_of_its_steps(k: int, rounded: float) -> None:
    bound = best_fixed_steps(TRUTH, k)
    assert bound == pytest.approx(rounded, abs=5e-5)
    assert exact_risk(GradientDescent(TRUTH, iterations=k, steps="best"), TRUTH) == pytest.approx(
        bound, rel=1e-9
    )
    assert best_polynomial(TRUTH, k) == pytest.approx(bound, rel=1e-8)
    for condition in (None, 20.0, 40.0):
        other = GradientDescent(TRUTH, iterations=k, condition=condition)
        assert exact_risk(other, TRUTH) > bound


def test_the_bound_ends_at_the_minimum_and_begins_at_the_signal() -> None:
    assert best_fixed_steps(TRUTH, 0) == pytest.approx(np.trace(TRUTH.covariance))
    assert best_fixed_steps(TRUTH, None) == minimum_mean_squared_error(TRUTH)
    assert best_fixed_steps(TRUTH, 29) == pytest.approx(minimum_mean_squared_error(TRUTH), rel=1e-3)
    with pytest.raises(ValueError, match="noise_spread is above 1"):
        best_fixed_steps(LinearGaussian(noise_spread=2.0), 3)


def test_what_an_experiment_says_of_polynomials() -> None:
    """The numbers that continuum_linear holds learned steps against, where the belief is wrong."""
    assert best_polynomial(BELIEFS["wrong prior"], 10) == pytest.approx(0.6094, abs=5e-5)
    assert best_polynomial(BELIEFS["wrong matrix"], 10) == pytest.approx(0.7243, abs=5e-5)


def test_chebyshevs_steps_are_no_good_on_average_where_they_are_few() -> None:
    for k, chebyshev, tuned in ((5, 2.248, 0.931), (10, 1.050, 0.607)):
        whole = exact_risk(GradientDescent(TRUTH, iterations=k), TRUTH)
        assert whole == pytest.approx(chebyshev, abs=1e-3)
        risks = [
            exact_risk(GradientDescent(TRUTH, iterations=k, condition=d), TRUTH)
            for d in (15.0, 20.0, 30.0, 40.0, 50.0)
        ]
        assert min(risks) == pytest.approx(tuned, abs=1e-3)


# --- unfolded ---


@beliefs
def test_learned_steps_come_near_the_best_polynomial_and_not_below(belief: LinearGaussian) -> None:
    method = UnfoldedGradient(belief, iterations=10, condition=40.0)
    train, validation = pairs(TRUTH, 300, "train"), pairs(TRUTH, 300, "validation")
    recipe = Recipe(learning_rate=0.1, steps=150, batch_size=100, clip_norm=1.0, validate_every=15)
    method.fit(train, validation, recipe, torch_rng_for("fit"))
    least = best_polynomial(belief, 10)
    assert least < exact_risk(method, TRUTH) < 1.04 * least


def test_learned_steps_have_no_worse_place_to_rest() -> None:
    """The exact risk has one minimum, up to the order: searches end there from several starts."""
    for start in (15.0, 60.0):
        method = UnfoldedGradient(TRUTH, iterations=4, condition=start)
        search = torch.optim.LBFGS(
            method.parameters(), max_iter=500, line_search_fn="strong_wolfe", tolerance_change=1e-14
        )
        H, C_s = torch.tensor(TRUTH.matrix), torch.tensor(TRUTH.covariance)

        def risk(method: UnfoldedGradient = method, H=H, C_s=C_s) -> torch.Tensor:
            A = method(torch.eye(30, dtype=torch.float64)).mT
            error = A @ H - torch.eye(30, dtype=torch.float64)
            return (error @ C_s * error).sum() + TRUTH.noise_variance * A.square().sum()

        def closure(method=method, risk=risk) -> torch.Tensor:
            method.zero_grad()
            loss = risk()
            loss.backward()
            return loss

        search.step(closure)
        assert risk().item() == pytest.approx(best_fixed_steps(TRUTH, 4), rel=1e-6)


@beliefs
@pytest.mark.parametrize("kind", [UnfoldedGradient, UnfoldedObjective, UnfoldedNetwork])
@pytest.mark.parametrize("start", [{"steps": "best"}, {"condition": 30.0}])
def test_unfitted_they_are_gradient_descent(belief, kind, start) -> None:
    x = pairs(TRUTH, 10, "test").x
    method = kind(belief, iterations=6, **start)
    if kind is UnfoldedNetwork:
        method.initialize(pairs(TRUTH, 10, "train"), torch_rng_for("networks"))
    expected = GradientDescent(belief, iterations=6, **start)(x)
    torch.testing.assert_close(method(x), expected, rtol=0, atol=1e-10)


def test_an_objective_that_is_learned_is_one_to_be_minimized() -> None:
    """Many small steps end at the minimum of the objective that H and L stand for."""
    method = UnfoldedObjective(WIDE, iterations=1)
    method.log_step = torch.nn.Parameter(torch.full((4000,), np.log(1e-3), dtype=torch.float64))
    with torch.no_grad():
        H = method.observation_matrix + 0.1
        method.observation_matrix.copy_(H)
        method.precision_root.mul_(1.1)
        L = triangular(method.precision_root, 7)
        x = pairs(WIDE, 5, "test").x
        Q = H.mT @ H / WIDE.noise_variance + L @ L.mT
        expected = torch.linalg.solve(Q, (x @ H / WIDE.noise_variance).mT).mT
        torch.testing.assert_close(method(x), expected, rtol=0, atol=1e-6)


def test_a_triangle_and_its_entries() -> None:
    root = torch.tril(torch.arange(1.0, 17.0, dtype=torch.float64).reshape(4, 4))
    entries = lower_triangle(root)
    assert entries.shape == (10,)
    assert torch.equal(triangular(entries, 4), root)


# --- conjugate gradients ---


@beliefs
@pytest.mark.parametrize("k", [1, 4, 10])
def test_conjugate_gradients_are_those_of_a_library(belief: LinearGaussian, k: int) -> None:
    x = pairs(TRUTH, 3, "test").x
    ours = ConjugateGradient(belief, iterations=k)(x).numpy()
    Q = hessian(belief)
    for row, estimate in zip(x.numpy(), ours, strict=True):
        b = belief.matrix.T @ row / belief.noise_variance
        expected, _ = scipy.sparse.linalg.cg(Q, b, rtol=0, atol=0, maxiter=k)
        np.testing.assert_allclose(estimate, expected, atol=1e-9)


def test_conjugate_gradients_end_and_stay() -> None:
    x = pairs(WIDE, 5, "test").x
    many = ConjugateGradient(WIDE, iterations=30)(x)
    torch.testing.assert_close(many, LinearMMSE(WIDE)(x), rtol=0, atol=1e-8)
    assert not ConjugateGradient(WIDE, iterations=3)(torch.zeros_like(x)).any()


@pytest.mark.parametrize("fitted", [False, True])
def test_a_network_that_chooses_steps_does_not_mind_units(fitted: bool) -> None:
    method = StepNetwork(TRUTH, iterations=4)
    train, x = pairs(TRUTH, 60, "train"), pairs(TRUTH, 5, "test").x
    if fitted:
        method.fit(
            train, train, Recipe(learning_rate=0.03, steps=10, validate_every=5, clip_norm=1)
        )
        assert method.network.weights[1].any()
    torch.testing.assert_close(method(7 * x), 7 * method(x))
    classical = ConjugateGradient(TRUTH, iterations=4)(x)
    assert torch.allclose(method(x), classical, rtol=0, atol=1e-9) != fitted


def test_gradient_descent_is_affine_without_an_offset() -> None:
    A, b = affine(GradientDescent(WIDE, iterations=3), 4)
    assert A.any() and not b.any()
