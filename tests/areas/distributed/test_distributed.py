"""Agents against the LASSO of all measurements, and what consensus leaves as it is."""

import dataclasses
import itertools

import numpy as np
import pytest
import torch

from mbdl_repro.areas.distributed.bounds import known_support
from mbdl_repro.areas.distributed.methods.central_lasso import CentralLasso
from mbdl_repro.areas.distributed.methods.d_admm import DAdmm
from mbdl_repro.areas.distributed.methods.linearized_d_admm import LinearizedDAdmm
from mbdl_repro.areas.distributed.methods.nids import Nids
from mbdl_repro.areas.distributed.methods.unfolded_d_admm import UnfoldedDAdmm
from mbdl_repro.areas.distributed.metrics import disagreement_db, nmse_db
from mbdl_repro.areas.distributed.network import Messages, arrivals, colours, mixing_weights
from mbdl_repro.areas.distributed.scenario import DistributedLasso
from mbdl_repro.areas.distributed.updates import Local, exact_primal, linearized_primal
from mbdl_repro.contract.scenario import Split
from mbdl_repro.learning.recipe import Recipe
from mbdl_repro.pipeline.models import check_sizes

TRUTH = DistributedLasso(n_agents=6, rows_per_agent=3, n_signal=12, n_nonzeros=2)
X = TRUTH.draw(3, "test", 0).x

METHODS = {
    "d_admm": lambda truth, K: DAdmm(truth, iterations=K, penalty=0.1, rho=0.01),
    "linearized": lambda truth, K: LinearizedDAdmm(
        truth, iterations=K, penalty=0.2, primal_step=0.4, rho=0.01, dual=0.1
    ),
    "nids": lambda truth, K: Nids(truth, iterations=K, primal_step=0.6, rho=0.01),
}
every_method = pytest.mark.parametrize("name", METHODS)


@every_method
def test_the_limit_is_the_lasso_of_all_measurements_for_every_agent(name):
    """With the weight P τ. The minimum by its conditions: H_iᵀ(x − H s) = P τ sign s_i, or less."""
    s = METHODS[name](TRUTH, 200 if name == "d_admm" else 1000).estimate(X)
    H, weight = TRUTH.H.reshape(-1, 12), 6 * 0.01
    for row, x in zip(s, X, strict=True):
        assert np.abs(row - row.mean(0)).max() < 1e-6
        slope = H.T @ (x.reshape(-1) - H @ row[0])
        assert np.abs(slope).max() < weight * (1 + 1e-5)
        inside = np.abs(row[0]) > 1e-6
        np.testing.assert_allclose(slope[inside], weight * np.sign(row[0][inside]), rtol=1e-4)
    central = CentralLasso(TRUTH, rho=weight, steps=2000).estimate(X)
    np.testing.assert_allclose(s, central, atol=1e-5)


WITHOUT_L1 = {
    "d_admm": lambda: DAdmm(TRUTH, iterations=500, penalty=0.1, rho=0.0),
    "linearized": lambda: LinearizedDAdmm(
        TRUTH, iterations=6000, penalty=0.2, primal_step=0.4, rho=0.0, dual=0.1
    ),
    "nids": lambda: Nids(TRUTH, iterations=6000, primal_step=0.6, rho=0.0),
}


@pytest.mark.parametrize("name", WITHOUT_L1)
def test_without_the_l1_norm_the_limit_is_the_least_squares_of_all_measurements(name):
    """18 measurements of 12 numbers, of which an agent has 3."""
    expected = np.linalg.lstsq(TRUTH.H.reshape(-1, 12), X.reshape(3, -1).T)[0].T
    found = WITHOUT_L1[name]().estimate(X)
    np.testing.assert_allclose(found, np.repeat(expected[:, None], 6, axis=1), atol=1e-6)


def duals_of(method, x):
    """Sums of dual variables u after each round, from what agents answer."""
    degrees, A = TRUTH.adjacency.sum(1)[:, None], TRUTH.adjacency
    u, found = 0.0, []
    with torch.no_grad():
        for k, s in enumerate(itertools.islice(method.iterates(torch.as_tensor(x)), 1, None)):
            s = s.numpy()
            step = method.dual_step(k)
            step = step.numpy()[:, 0] if isinstance(step, torch.Tensor) else step
            u = u + step * (degrees * s - np.einsum("pj,nji->npi", A, s))
            found.append(u)
    return found


@pytest.mark.parametrize("name", ["d_admm", "linearized"])
def test_sums_of_duals_add_up_to_nothing_in_every_round(name):
    for u in duals_of(METHODS[name](TRUTH, 7), X):
        assert np.abs(u).max() > 1e-3
        np.testing.assert_allclose(u.sum(1), 0, atol=1e-13)


@every_method
def test_agents_may_be_numbered_in_another_way(name):
    """With the same groups of agents that answer at a time."""
    order = np.array([3, 0, 5, 1, 4, 2])
    K, method = 5, METHODS[name](TRUTH, 5)
    turned = METHODS[name](TRUTH, K)
    turned.H = method.H[order]
    turned.adjacency = method.adjacency[order][:, order]
    if name == "nids":
        turned.mixing = method.mixing[order][:, order]
    else:
        where = np.argsort(order)
        turned.colours = [torch.as_tensor(where[group.numpy()]) for group in method.colours]
    np.testing.assert_allclose(turned.estimate(X[:, order]), method.estimate(X)[:, order])


def test_the_primal_problem_is_solved():
    """Its slope vanishes, or is within τ where s is 0."""
    rng = np.random.default_rng(0)
    u, sums = (torch.as_tensor(rng.standard_normal((6, 3, 12))) for _ in range(2))
    H, x = torch.tensor(TRUTH.H), torch.as_tensor(X).transpose(0, 1)
    degrees = torch.tensor(TRUTH.adjacency).sum(1)[:, None, None]
    s = exact_primal(torch.zeros_like(u), u, sums, Local(H, x, degrees), 0.3, 0.2, 2000)
    slope = (s @ H.mT - x) @ H + u + 0.3 * (degrees * s - sums)
    expected = torch.where(s != 0, -0.2 * s.sign(), slope.clamp(-0.2, 0.2))
    torch.testing.assert_close(slope, expected, rtol=0, atol=1e-9)


def one_step(shrinkage, s, weight):
    """A step of all agents from s, (6, 3, 12)."""
    rng = np.random.default_rng(0)
    u, sums = (torch.as_tensor(0.1 * rng.standard_normal((6, 3, 12))) for _ in range(2))
    local = Local(
        torch.tensor(TRUTH.H),
        torch.as_tensor(X).transpose(0, 1),
        torch.tensor(TRUTH.adjacency).sum(1)[:, None, None],
    )
    return linearized_primal(s, u, sums, local, 0.2, 0.02, weight, shrinkage)


def test_far_from_zero_a_subgradient_steps_as_the_proximal_step_does():
    """Where no entry crosses 0; about 0, only the proximal step makes zeros."""
    signs = torch.as_tensor(np.random.default_rng(1).choice([-1.0, 1.0], (6, 3, 12)))
    far, near = 2.0 * signs, 1e-3 * signs
    steps = {kind: one_step(kind, far, 0.5) for kind in ("proximal", "subgradient")}
    assert (steps["proximal"] * far > 0).all()
    assert (steps["proximal"] - one_step("proximal", far, 0.0)).abs().min() > 0.009
    torch.testing.assert_close(steps["proximal"], steps["subgradient"], rtol=0, atol=1e-14)
    assert (one_step("proximal", near, 5.0) == 0).any()
    assert (one_step("subgradient", near, 5.0) != 0).all()


def test_neighbours_answer_at_different_times_and_agents_once():
    for graph in range(20):
        A = dataclasses.replace(TRUTH, n_agents=9, graph=graph).adjacency
        groups = colours(A)
        assert sorted(agent for group in groups for agent in group) == list(range(9))
        assert all(not A[np.ix_(group, group)].any() for group in groups)
        assert len(groups) <= A.sum(1).max() + 1
        assert (A == A.T).all() and not np.diag(A).any()
        W = mixing_weights(A)
        np.testing.assert_allclose(W.sum(1), 1)
        assert (W == W.T).all() and ((W > 0) == (A + np.eye(9) > 0)).all()
        reached = np.abs(np.sort(np.linalg.eigvalsh(W)))[:-1]
        assert (reached < 1).all(), "not connected"


def test_who_does_not_hear_goes_by_what_was_heard_last():
    A = torch.ones(3, 3) - torch.eye(3)
    arrived = torch.ones(3, 3, 3, 1, dtype=torch.bool)
    arrived[0, 1, 2] = arrived[1, 0, 2] = False
    messages = Messages(A, arrived)
    first, second = torch.tensor([1.0, 2.0, 4.0]), torch.tensor([10.0, 20.0, 40.0])
    messages.send(first[:, None, None], 0)
    assert messages.sums().flatten().tolist() == [6.0, 1.0, 3.0]
    messages.send(second[:, None, None], 1)
    assert messages.sums().flatten().tolist() == [20.0 + 4.0, 50.0, 30.0]
    assert messages.sums(torch.tensor([2, 0])).flatten().tolist() == [30.0, 24.0]
    messages.send(7 * second[:, None, None], 2, senders=torch.tensor([0]))
    assert messages.sums().flatten().tolist() == [24.0, 110.0, 90.0]


@every_method
def test_losses_that_do_not_happen_change_nothing(name, monkeypatch):
    monkeypatch.setattr(
        "mbdl_repro.areas.distributed.bases.arrivals",
        lambda x, K, p: torch.ones(K, x.shape[1], x.shape[1], len(x), dtype=torch.bool),
    )
    lossy = METHODS[name](TRUTH, 6).estimate(X)
    monkeypatch.undo()
    np.testing.assert_allclose(METHODS[name](TRUTH, 6).estimate(X), lossy)


def test_as_many_messages_are_lost_as_is_said_and_rows_are_alone():
    x = torch.as_tensor(TRUTH.draw(50, "test", 0).x)
    found = arrivals(x, 20, 0.3)
    n = found.numel()
    assert found.double().mean().item() == pytest.approx(0.7, abs=4 * np.sqrt(0.21 / n))
    assert torch.equal(arrivals(x[7:8], 20, 0.3)[..., 0], found[..., 7])
    assert arrivals(x, 20, 0.0) is None
    lossy = DAdmm(dataclasses.replace(TRUTH, loss_probability=0.3))
    assert not np.allclose(lossy.estimate(X), DAdmm(TRUTH).estimate(X))


@pytest.mark.parametrize("per_agent", [False, True])
def test_unfitted_rounds_are_linearized_ones_and_learn_as_many_numbers_as_they_say(per_agent):
    settings = {"iterations": 4, "penalty": 0.2, "primal_step": 0.4, "rho": 0.02, "dual": 0.1}
    unfolded = UnfoldedDAdmm(TRUTH, per_agent=per_agent, **settings)
    expected = LinearizedDAdmm(TRUTH, **settings).estimate(X)
    np.testing.assert_allclose(unfolded.estimate(X), expected, rtol=1e-12, atol=1e-15)
    assert unfolded.log_scale.numel() == 16 * (6 if per_agent else 1)


def test_a_weight_of_the_l1_norm_that_is_0_stays_0_while_the_others_are_learned():
    unfolded = UnfoldedDAdmm(TRUTH, iterations=3, rho=0.0)
    train, validation = TRUTH.draw(20, "train", 0), TRUTH.draw(10, "validation", 0)
    unfolded.fit(train, validation, Recipe(learning_rate=0.1, steps=5, batch_size=10))
    assert unfolded.log_scale.numel() == 9, "it is no number to learn"
    learned = np.stack([unfolded.constants(k).detach().numpy() for k in range(3)])
    assert (learned[:, :, 2] == 0).all()
    assert (learned[:, :, [0, 1]] != unfolded.start.numpy()[[0, 1]]).all()
    doubled = unfolded.estimate(2 * X)
    np.testing.assert_allclose(doubled, 2 * unfolded.estimate(X), rtol=1e-12, atol=1e-15)


def test_shared_numbers_serve_any_number_of_agents_and_those_of_each_do_not():
    more = dataclasses.replace(TRUTH, n_agents=9, rows_per_agent=2)
    settings = {"iterations": 4, "penalty": 0.2, "primal_step": 0.4, "rho": 0.02, "dual": 0.1}
    expected = LinearizedDAdmm(more, **settings).estimate(more.draw(3, "test", 0).x)
    few, many = (UnfoldedDAdmm(truth, **settings) for truth in (TRUTH, more))
    few.log_scale.data[2, 0, 1] = 0.0
    check_sizes(few.state_dict(), many.state_dict())
    many.load_state_dict(few.state_dict())
    assert np.abs(many.estimate(more.draw(3, "test", 0).x) - expected).max() > 0.01
    few, many = (UnfoldedDAdmm(truth, per_agent=True, **settings) for truth in (TRUTH, more))
    with pytest.raises(ValueError, match=r"as \(4, 6, 4\), and is \(4, 9, 4\) here"):
        check_sizes(few.state_dict(), many.state_dict())


def test_each_agent_goes_by_its_own_numbers():
    unfolded = UnfoldedDAdmm(TRUTH, per_agent=True, iterations=1)
    before = unfolded.estimate(X)
    last = unfolded.colours[-1][-1]
    unfolded.log_scale.data[0, last] += 0.5
    changed = np.abs(unfolded.estimate(X) - before).max((0, 2)) > 0
    assert changed.nonzero()[0].tolist() == [last]


def test_errors_are_of_every_agent_and_disagreement_is_from_their_mean():
    s = np.zeros((1, 2, 3))
    s[:, :, 0] = 1.0
    estimate = s.copy()
    estimate[0, 0, 1], estimate[0, 1, 1] = 2.0, -2.0
    truth = dataclasses.replace(TRUTH, n_agents=2, n_signal=3, n_nonzeros=1)
    assert nmse_db(estimate, Split(s, s), truth) == pytest.approx(4.0)
    assert disagreement_db(estimate + 5.0, Split(s, s), truth) == pytest.approx(4.0)


def test_who_knows_the_support_errs_as_the_bound_says():
    """By simulation, of one support: the conditional mean of two numbers in noise."""
    test = TRUTH.draw(1, "test", 0)
    support = np.nonzero(test.s[0, 0])[0]
    H = TRUTH.H.reshape(-1, 12)[:, support]
    rng = np.random.default_rng(0)
    s = rng.standard_normal((20_000, 2))
    x = s @ H.T + 0.05 * rng.standard_normal((20_000, 18))
    estimate = np.linalg.solve(H.T @ H + 0.05**2 * np.eye(2), H.T @ x.T).T
    errors = np.square(estimate - s).sum(1) / 2
    spread = errors.std() / np.sqrt(20_000)
    assert errors.mean() == pytest.approx(known_support(TRUTH, test)[0], abs=4 * spread)


def test_of_a_signal_that_is_not_sparse_the_bound_is_the_linear_mmse_of_all_measurements():
    """By the covariance of what it leaves, I − Hᵀ(H Hᵀ + σ²I)⁻¹H."""
    truth = dataclasses.replace(TRUTH, n_nonzeros=12)
    H = truth.H.reshape(-1, 12)
    left = np.eye(12) - H.T @ np.linalg.solve(H @ H.T + 0.05**2 * np.eye(18), H)
    np.testing.assert_allclose(known_support(truth, truth.draw(4, "test", 0)), np.trace(left) / 12)


def test_a_row_that_is_not_finite_has_no_answer_and_costs_no_other():
    spoilt = X.copy()
    spoilt[1, 0, 0] = np.nan
    for build in METHODS.values():
        method = build(TRUTH, 3)
        answer = method.estimate(spoilt)
        assert np.isnan(answer[1]).all()
        np.testing.assert_allclose(answer[[0, 2]], method.estimate(X)[[0, 2]])


def test_what_does_not_fit_is_named():
    with pytest.raises(ValueError, match="n_nonzeros is 13: allowed is 1 to n_signal"):
        dataclasses.replace(TRUTH, n_nonzeros=13)
    with pytest.raises(ValueError, match=r"should be \(n, 6, 3\), 3 of each of 6 agents"):
        UnfoldedDAdmm(TRUTH, per_agent=True).estimate(np.ones((2, 8, 3)))
