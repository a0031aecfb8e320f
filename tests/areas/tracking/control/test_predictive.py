"""Plans beside a bounded least-squares solver and Riccati's gains, and who acts by them."""

import numpy as np
import pytest
import torch
from areas.tracking.control.loops import SPRING, UNKNOWN, assert_a_fit_descends, records
from areas.tracking.stacks import assert_a_stack_is_each_of_its_fits
from scipy.optimize import lsq_linear

from mbdl_repro.areas.tracking.bounds import lqg_cost
from mbdl_repro.areas.tracking.control.model import Plant, plant_arrays
from mbdl_repro.areas.tracking.control.plans import descended, planning, settled
from mbdl_repro.areas.tracking.control.policy import closed_loop, loop_cost
from mbdl_repro.areas.tracking.methods.lqg import Lqg
from mbdl_repro.areas.tracking.methods.mpc import Mpc
from mbdl_repro.areas.tracking.methods.unfolded_mpc import UnfoldedMpc
from mbdl_repro.areas.tracking.metrics import expected_cost, quadratic_cost
from mbdl_repro.areas.tracking.systems.controlled import UNLIMITED_N, Controlled
from mbdl_repro.learning.recipe import Recipe

CHAIN = Controlled(
    n_masses=3,
    stiffness_n_per_m=1.0,
    time_step_s=0.5,
    velocity_cost_s2_per_m2=0.01,
    force_cost_per_n2=0.01,
    force_limit_n=1.5,
    n_steps=10,
    noise_std=0.1,
    process_noise_std=0.1,
    initial_std=1.0,
)
FREE = CHAIN.believed(force_limit_n=UNLIMITED_N)
FEW = Recipe(learning_rate=0.03, steps=20, batch_size=20, clip_norm=1.0, validate_every=5)
LEARNED = {
    "steps": lambda: UnfoldedMpc(CHAIN, horizon=6),
    "diagonal": lambda: UnfoldedMpc(CHAIN, horizon=6, learned="diagonal", momentum=0.5),
    "from LQG's plan": lambda: UnfoldedMpc(CHAIN, horizon=6, start="regulator"),
}
every_learned = pytest.mark.parametrize("build", LEARNED.values(), ids=list(LEARNED))


def tensors_of(truth):
    return Plant(*map(torch.tensor, plant_arrays(truth)))


def cost_of(U, s, t, N):
    """What a plan costs from a state on, step by step; then the regulator acts without limits."""
    F, B, _, Q, R, _ = plant_arrays(CHAIN)
    T, total = CHAIN.n_steps, 0.0
    for k in range(N):
        u = U[k * B.shape[1] : (k + 1) * B.shape[1]]
        s = F @ s + B @ u
        total += u @ R @ u
        if t + k + 1 <= T and k < N - 1:
            total += s @ Q @ s
    if t + N <= T:
        P = Q
        for _ in range(T - t - N):  # backward from T, in Joseph's form
            L = np.linalg.inv(R + B.T @ P @ B) @ B.T @ P @ F
            P = Q + L.T @ R @ L + (F - B @ L).T @ P @ (F - B @ L)
        total += s @ P @ s
    return total


@pytest.mark.parametrize("N", [1, 4, 12], ids=["one input", "four", "beyond the end"])
def test_a_plan_costs_what_its_steps_do(N):
    C, D, _ = planning(plant_arrays(CHAIN), CHAIN.n_steps, N)
    rng = np.random.default_rng(0)
    s, unit = rng.standard_normal(CHAIN.m), None
    for t in (1, 5, CHAIN.n_steps - 1):
        U = rng.standard_normal(N)
        ours = U @ C[t - 1] @ U + 2 * U @ D[t - 1] @ s
        change = cost_of(U, s, t, N) - cost_of(0 * U, s, t, N)
        unit = change / ours if unit is None else unit
        assert change == pytest.approx(unit * ours, rel=1e-9), "in one unit at all steps"


def test_the_largest_curvature_is_one():
    C = planning(plant_arrays(CHAIN), CHAIN.n_steps, 5).C
    assert np.linalg.eigvalsh(C).max() == pytest.approx(1.0, rel=1e-12)


@pytest.mark.parametrize("start", ["zero", "regulator"])
def test_many_steps_find_the_best_plan_within_the_limit(start):
    """It is that of a bounded least-squares solver, and meets the conditions of a minimum."""
    N, limit = 8, CHAIN.force_limit_n
    C, D, free = planning(plant_arrays(CHAIN), CHAIN.n_steps, N)
    states = np.random.default_rng(1).standard_normal((20, CHAIN.m))
    pull = torch.tensor(states @ D[0].T)
    begun = torch.tensor(states @ free[0].T).clamp(-limit, limit) if start != "zero" else 0 * pull
    bound = torch.full((1, N), limit, dtype=torch.float64)
    steps = 20_000
    plan = descended(
        begun, pull, torch.tensor(C[0]), [1.0] * steps, settled(None, steps), bound
    ).numpy()
    root = np.linalg.cholesky(C[0]).T
    for ours, d in zip(plan, pull.numpy(), strict=True):
        best = lsq_linear(root, -np.linalg.solve(root.T, d), (-limit, limit), tol=1e-14)
        np.testing.assert_allclose(ours, best.x, atol=1e-6)
    slope = plan @ C[0] + pull.numpy()
    is_free = np.abs(plan) < limit
    assert np.abs(slope[is_free]).max() < 1e-9
    assert (slope * np.sign(plan))[~is_free].max() < 1e-9, "at a limit, the way down leads out"
    assert 0.2 < is_free.mean() < 0.9


@pytest.mark.parametrize("N", [1, 3, 9, 15])
def test_without_a_limit_the_best_plan_is_the_regulators(N):
    test = CHAIN.draw(8, "test")
    method = Mpc(FREE, horizon=N, iterations=1, start="regulator")
    np.testing.assert_allclose(
        quadratic_cost(method, test, FREE), quadratic_cost(Lqg(FREE), test, FREE), rtol=1e-9
    )


def test_fistas_momenta_are_those_of_its_recursion():
    t, expected = 1.0, []
    for _ in range(4):
        t, before = (1 + np.sqrt(1 + 4 * t * t)) / 2, t
        expected.append((before - 1) / t)
    np.testing.assert_allclose(settled(None, 5), expected, rtol=1e-14)
    assert settled(0.7, 3) == [0.7, 0.7]


def test_a_plan_goes_on_from_the_last_one_moved_on_by_a_step():
    """In plain loops, one row after another."""
    N, K, mu, beta, limit = 5, 2, 0.8, 0.4, CHAIN.force_limit_n
    C, D, free = planning(plant_arrays(CHAIN), CHAIN.n_steps, N)
    method = Mpc(CHAIN, horizon=N, iterations=K, step=mu, momentum=beta)
    x = torch.from_numpy(CHAIN.draw(3, "test").x)
    memory, u = method.start((3,), CHAIN.n_steps), torch.zeros(3, 1, dtype=torch.float64)
    plans = [None] * 3
    for t in range(4):
        u, memory = method.act(memory, x[:, t], u)
        for row, s in enumerate(memory.known.s.numpy()):
            last = plans[row]
            U = np.clip(free[0] @ s, -limit, limit) if t == 0 else np.append(last[1:], 0.0)
            first = np.clip(U - mu * (C[t] @ U + D[t] @ s), -limit, limit)
            V = first + beta * (first - U)
            plans[row] = np.clip(V - mu * (C[t] @ V + D[t] @ s), -limit, limit)
            np.testing.assert_allclose(memory.plan[row], plans[row], rtol=1e-12, atol=1e-14)
            assert u[row].item() == pytest.approx(plans[row][0], rel=1e-12)


@pytest.mark.parametrize("learned", ["step", "diagonal"])
@pytest.mark.parametrize("momentum", [None, 0.6], ids=["FISTA's", "constant"])
@pytest.mark.parametrize("start", ["zero", "regulator", "shifted"])
def test_unfitted_it_is_mpc_by_equal_steps(learned, momentum, start):
    test = CHAIN.draw(6, "test")
    same = {"horizon": 6, "iterations": 3, "start": start, "step": 1.3, "momentum": momentum}
    ours = quadratic_cost(UnfoldedMpc(CHAIN, learned=learned, **same), test, CHAIN)
    np.testing.assert_allclose(ours, quadratic_cost(Mpc(CHAIN, **same), test, CHAIN), rtol=1e-12)


@pytest.mark.parametrize("build", [lambda: Lqg(CHAIN), lambda: Mpc(CHAIN, horizon=6)])
def test_no_input_is_beyond_the_limit_and_who_asks_for_more_is_told_what_was_applied(build):
    split, method, told = records(CHAIN, 20, "test"), build(), []

    class Listening:
        start = method.start

        def act(self, memory, x, u):
            told.append(u)
            return method.act(memory, x, u)

    loop = closed_loop(Listening(), tensors_of(CHAIN), split, torch.tensor(CHAIN.probe))
    limit = CHAIN.force_limit_n
    assert loop.inputs.abs().max() == limit, "some are at it"
    torch.testing.assert_close(torch.stack(told[1:], 1), loop.inputs[:, :-1])
    F, B, *_ = tensors_of(CHAIN)
    v = split.s[:, 1:] - split.s[:, :-1] @ F.mT - torch.tensor(CHAIN.probe[1:]) @ B.mT
    moved = loop.states[:, :-1] @ F.mT + loop.inputs @ B.mT + v
    torch.testing.assert_close(loop.states[:, 1:], moved)


def test_with_a_limit_the_least_cost_without_it_is_a_floor_and_nothing_is_exact():
    test = CHAIN.draw(2000, "test")
    best = Mpc(CHAIN, horizon=9, iterations=100, start="regulator")
    costs = {m: quadratic_cost(m, test, CHAIN) for m in (best, Mpc(CHAIN), Lqg(CHAIN))}
    for cost in costs.values():
        assert cost.mean() > lqg_cost(CHAIN) - 3 * cost.std(ddof=1) / np.sqrt(len(cost))
    assert costs[best].mean() == min(cost.mean() for cost in costs.values())
    assert lqg_cost(CHAIN) == lqg_cost(FREE)
    assert expected_cost(Lqg(CHAIN), CHAIN) is None
    assert expected_cost(best, FREE) is None


def test_what_is_descended_is_the_cost_of_its_loops():
    method = Mpc(CHAIN, horizon=6)
    cost = quadratic_cost(method, CHAIN.draw(30, "train"), CHAIN).mean()
    assert method.loss(*records(CHAIN, 30, "train")).item() == pytest.approx(cost, rel=1e-12)


@every_learned
def test_a_fit_lowers_the_cost_and_gradients_reach_all(build):
    assert_a_fit_descends(build(), CHAIN, FEW)


@every_learned
def test_fits_that_go_together_are_the_fits_one_by_one(build):
    assert_a_stack_is_each_of_its_fits(build, CHAIN)


def test_a_row_that_is_no_number_spoils_no_other():
    method, plant, probe = Mpc(CHAIN, horizon=4), tensors_of(CHAIN), torch.tensor(CHAIN.probe)
    split = records(CHAIN, 3, "test")
    clean = loop_cost(closed_loop(method, plant, split, probe), plant)
    split.x[1, 2] = torch.nan
    spoilt = loop_cost(closed_loop(method, plant, split, probe), plant)
    assert spoilt[1].isnan()
    assert torch.equal(spoilt[[0, 2]], clean[[0, 2]])


def test_what_cannot_be_planned_is_refused():
    with pytest.raises(ValueError, match="withheld"):
        Mpc(UNKNOWN)
    with pytest.raises(ValueError, match="9 steps"):
        Mpc(CHAIN).start((1,), 9)
    assert quadratic_cost(Mpc(SPRING), SPRING.draw(2, "test"), SPRING).shape == (2,)
