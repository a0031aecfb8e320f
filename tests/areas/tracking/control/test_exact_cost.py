"""Costs in closed form, beside one large quadratic program over causal rules, and simulation."""

import numpy as np
import pytest
import scipy.linalg
import torch
from areas.tracking.control.loops import HEAVY, MASS, SPRING, TRUTHS, UNKNOWN, records

from mbdl_repro.areas.tracking.bounds import lqg_cost
from mbdl_repro.areas.tracking.control.exact_cost import least_cost, linear_policy_cost
from mbdl_repro.areas.tracking.control.model import LinearPolicy, filter_arrays, plant_arrays
from mbdl_repro.areas.tracking.control.regulator import regulator
from mbdl_repro.areas.tracking.methods.identified_lqg import IdentifiedLqg
from mbdl_repro.areas.tracking.methods.lqg import Lqg
from mbdl_repro.areas.tracking.metrics import expected_cost, quadratic_cost
from mbdl_repro.areas.tracking.systems.linear_state_space import LinearStateSpace

every_truth = pytest.mark.parametrize("truth", TRUTHS.values(), ids=list(TRUTHS))


def best_causal_rule(truth):
    """The least cost of inputs that are affine in all measurements so far, by one linear system.

    Measurements are taken less what earlier inputs did to them, which anyone can subtract who
    knows the plant: they depend on no rule, so that the cost is quadratic in the rule's entries.
    """
    T, (F, B, H, Q, R, _) = truth.n_steps, plant_arrays(truth)
    m, p = B.shape
    power = [np.linalg.matrix_power(F, k) for k in range(T + 1)]
    free = np.block(  # s_1 … s_T without inputs, from (s_0, v_1 … v_T)
        [[power[t]] + [power[t - k] if k <= t else 0 * F for k in range(1, T + 1)]
         for t in range(1, T + 1)]
    )  # fmt: skip
    driven = np.block(  # and from u_1 … u_{T−1}
        [[power[t - 1 - k] @ B if k < t else 0 * B for k in range(1, T)] for t in range(1, T + 1)]
    )
    noise = scipy.linalg.block_diag(truth.cov_0, *[truth.V] * T)
    mean = free[:, :m] @ truth.mean_0
    sees = np.kron(np.eye(T), H)
    squares = free @ noise @ free.T + np.outer(mean, mean)  # E s sᵀ
    seen = sees @ squares @ sees.T + np.kron(np.eye(T), truth.W)
    known = np.block([[seen, (sees @ mean)[:, None]], [(sees @ mean)[None], np.ones((1, 1))]])
    crossed = np.hstack([squares @ sees.T, mean[:, None]])  # E s (y, 1)ᵀ
    Q, R = np.kron(np.eye(T), Q), np.kron(np.eye(T - 1), R)
    n = H.shape[0]
    entries = [
        (i, j)
        for i in range((T - 1) * p)
        for j in range(T * n + 1)
        if j == T * n or j // n <= i // p  # u_t from x_1 … x_t and a constant
    ]
    i, j = np.array(entries).T
    curved = driven.T @ Q @ driven + R
    A = curved[np.ix_(i, i)] * known[np.ix_(j, j)]
    b = (driven.T @ Q @ crossed)[i, j]
    return (np.trace(Q @ squares) - b @ np.linalg.lstsq(A, b, rcond=1e-13)[0]) / T


@every_truth
def test_the_least_cost_is_that_of_the_best_rule_of_all_measurements_so_far(truth):
    short = truth.believed(n_steps=6)
    assert lqg_cost(short) == pytest.approx(best_causal_rule(short), rel=1e-8)


@every_truth
def test_lqg_that_is_told_the_truth_reaches_the_least_cost(truth):
    """By moments that are carried along, and by traces of two Riccati recursions."""
    assert expected_cost(Lqg(truth), truth) == pytest.approx(lqg_cost(truth), rel=1e-10)


@every_truth
@pytest.mark.parametrize("belief", [SPRING, MASS, HEAVY], ids=["spring", "mass", "heavy"])
def test_exact_costs_are_those_of_simulation(truth, belief):
    method = Lqg(belief, process_noise_scale=2.0, force_cost_scale=0.5)
    costs = quadratic_cost(method, truth.draw(4000, "cost"), truth)
    error = costs.std(ddof=1) / np.sqrt(len(costs))
    assert abs(costs.mean() - expected_cost(method, truth)) < 4 * error


def test_any_other_gain_costs_more():
    plant, model = plant_arrays(SPRING), filter_arrays(SPRING)
    best = LinearPolicy(*(part.numpy() for part in Lqg(SPRING).linear_policy(SPRING.n_steps)))
    least = least_cost(plant, model, SPRING.n_steps)
    rng = np.random.default_rng(0)
    for name in ("K", "L"):
        gain = getattr(best, name)
        change = 1e-2 * rng.standard_normal(gain.shape)
        costs = [
            linear_policy_cost(plant, model, best._replace(**{name: gain + step * change}))
            for step in (-1, 1)
        ]
        assert min(costs) > least
        # What is least is flat: the two sides differ by the third order alone.
        assert abs(costs[0] - costs[1]) < 0.1 * (costs[0] + costs[1] - 2 * least)


def test_far_from_its_end_the_regulator_is_that_of_the_algebraic_equation():
    plant = plant_arrays(SPRING)
    L, P = regulator(plant, 400)
    F, B, _, Q, R, _ = plant
    expected = scipy.linalg.solve_discrete_are(F, B, Q, R)
    np.testing.assert_allclose(P[0], expected, rtol=1e-9)
    gain = np.linalg.solve(R + B.T @ expected @ B, B.T @ expected @ F)
    np.testing.assert_allclose(L[0], gain, rtol=1e-9)
    batch = regulator(type(plant)(*(torch.tensor(part)[None] for part in plant)), 5)
    np.testing.assert_allclose(batch[0][0][0], regulator(plant, 5)[0][0], rtol=1e-12)


def test_no_controller_costs_less_than_lqg_that_is_told_the_truth():
    test, train = SPRING.draw(4000, "test"), records(SPRING, 20, "train")
    identified = IdentifiedLqg(UNKNOWN)
    identified.fit(train, train)
    best = quadratic_cost(Lqg(SPRING), test, SPRING)
    for other in (Lqg(MASS), Lqg(MASS, process_noise_scale=100.0), identified):
        more = quadratic_cost(other, test, SPRING) - best
        assert more.mean() > -3 * more.std(ddof=1) / np.sqrt(len(more))
        assert expected_cost(other, SPRING) > lqg_cost(SPRING)


def test_lqg_on_an_identified_model_becomes_the_best_with_more_experiments():
    lost = []
    for n in (2, 20, 200, 2000):
        train = records(SPRING, n, "train")
        method = IdentifiedLqg(UNKNOWN)
        method.fit(train, train)
        lost.append(expected_cost(method, SPRING) / lqg_cost(SPRING) - 1)
    assert lost[0] > lost[-1] and lost[1] > lost[-1]
    assert lost[-1] < 1e-3


def test_what_has_no_input_is_refused_and_what_is_no_controller_has_no_cost():
    other = LinearStateSpace(transition="canonical", noise_std=1.0, noise_ratio_db=0.0, n_steps=5)
    for build in (Lqg, IdentifiedLqg, lqg_cost):
        with pytest.raises(ValueError, match="no input"):
            build(other)
        with pytest.raises(ValueError, match="missing_probability"):
            build(SPRING.believed(missing_probability=0.1))
    assert quadratic_cost(torch.nn.Identity(), SPRING.draw(2, "test"), SPRING) is None
    assert expected_cost(Lqg(SPRING), other) is None
