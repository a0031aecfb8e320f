"""Steps of gradient descent: against polynomials, least squares, and a search."""

import numpy as np
import pytest
import scipy.optimize
from numpy.polynomial import chebyshev

from mbdl_repro.contract.seeding import rng_for
from mbdl_repro.learning.step_sizes import (
    best_steps,
    chebyshev_steps,
    least_remaining_error,
)

VALUES = np.geomspace(5.0, 1000.0, 30)
WEIGHTS = 1 / VALUES + 0.01 * rng_for("weights").random(30)


def remaining_error(values: np.ndarray, weights: np.ndarray, steps: np.ndarray) -> float:
    return weights @ np.prod(1 - np.outer(steps, values), axis=0) ** 2


@pytest.mark.parametrize("n", [1, 2, 7])
def test_chebyshevs_steps_leave_chebyshevs_polynomial(n: int) -> None:
    low, high = 3.0, 70.0
    steps = chebyshev_steps(low, high, n)
    at = np.linspace(low, high, 50)
    T = chebyshev.Chebyshev.basis(n)
    expected = T((high + low - 2 * at) / (high - low)) / T((high + low) / (high - low))
    np.testing.assert_allclose(np.prod(1 - np.outer(steps, at), axis=0), expected, atol=1e-12)


@pytest.mark.parametrize("n", [1, 3, 10])
def test_the_best_steps_are_a_least_squares_fit(n: int) -> None:
    """Of K steps from 0: s = q(Q) b with q of degree K − 1, so that 1 − λ q(λ) is left."""
    scaled = 2 * (VALUES - VALUES[0]) / (VALUES[-1] - VALUES[0]) - 1
    basis = chebyshev.chebvander(scaled, n - 1) * VALUES[:, None]
    root = np.sqrt(WEIGHTS)
    q = np.linalg.lstsq(root[:, None] * basis, root, rcond=None)[0]
    least = ((root - root * (basis @ q)) ** 2).sum()
    steps = best_steps(VALUES, WEIGHTS, n)
    assert (steps > 0).all()
    assert least_remaining_error(VALUES, WEIGHTS, n) == pytest.approx(least, rel=1e-9)
    assert remaining_error(VALUES, WEIGHTS, steps) == pytest.approx(least, rel=1e-9)
    assert least < remaining_error(VALUES, WEIGHTS, chebyshev_steps(VALUES[0], VALUES[-1], n))


@pytest.mark.parametrize("start", range(3))
def test_no_search_finds_better_steps(start: int) -> None:
    def error(logarithms: np.ndarray) -> float:
        return remaining_error(VALUES, WEIGHTS, np.exp(logarithms))

    first = -np.log(rng_for("start", start).uniform(VALUES[0], VALUES[-1], 4))
    found = scipy.optimize.minimize(error, first, method="BFGS", options={"gtol": 1e-9})
    best = best_steps(VALUES, WEIGHTS, 4)
    assert found.fun == pytest.approx(remaining_error(VALUES, WEIGHTS, best), rel=1e-6)
    np.testing.assert_allclose(np.sort(np.exp(found.x)), np.sort(best), rtol=1e-2)


def test_as_many_steps_as_eigenvalues_leave_nothing() -> None:
    values, weights = np.array([1.0, 2.0, 5.0, 5.0]), np.array([1.0, 0.5, 0.2, 0.1])
    steps = best_steps(values, weights, 5)
    assert steps.shape == (5,) and np.isfinite(steps).all()
    assert remaining_error(values, weights, steps) == pytest.approx(0, abs=1e-20)
    # Where nothing is to be found along an eigenvector, its eigenvalue asks for no step.
    assert (
        remaining_error(
            values, weights * [1, 0, 1, 1], best_steps(values, weights * [1, 0, 1, 1], 2)
        )
        < 1e-20
    )
    assert least_remaining_error(values, weights, 0) == pytest.approx(weights.sum())
    assert least_remaining_error(values, weights, 5) == pytest.approx(0, abs=1e-20)
    left = [least_remaining_error(VALUES, WEIGHTS, n) for n in range(35)]
    assert np.diff(left).max() < 1e-12
    assert left[30:] == pytest.approx([0] * 5, abs=1e-20)


def most(steps: np.ndarray) -> float:
    """By how much some of these steps, one after another, enlarge an error at most."""
    return np.abs(np.prod(1 - np.outer(steps, VALUES), axis=0)).max()


@pytest.mark.parametrize(
    "steps", [chebyshev_steps(5.0, 1000.0, 10), best_steps(VALUES, WEIGHTS, 10)]
)
def test_the_order_keeps_down_what_comes_in_on_the_way(steps: np.ndarray) -> None:
    """Far below what steps sorted from small to large make of it, or those from large to small."""
    up = np.sort(steps)
    down = up[::-1]
    inner = range(1, len(steps))
    before, after = (
        [max(most(order[part(k)]) for k in inner) for order in (steps, up, down)]
        for part in (lambda k: slice(None, k), lambda k: slice(k, None))
    )
    assert before[0] < before[2] / 30
    assert after[0] < after[1] / 10
