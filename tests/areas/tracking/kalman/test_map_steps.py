"""Block-Jacobi steps: against the joint Gaussian, exact errors, and the Kalman smoother."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from areas.tracking.exact_smoothers import best_polynomial, exact_mse, posterior
from areas.tracking.gaussian_oracle import Joint
from areas.tracking.linear_systems import CANONICAL, EXAMPLE_3_5, SYSTEMS
from areas.tracking.stacks import assert_a_stack_is_each_of_its_fits, pairs

from mbdl_repro.areas.tracking.kalman.map_steps import stacked_problem
from mbdl_repro.areas.tracking.kalman.model import linear_arrays
from mbdl_repro.areas.tracking.methods.block_jacobi_smoother import BlockJacobiSmoother
from mbdl_repro.areas.tracking.methods.kalman_smoother import KalmanSmoother
from mbdl_repro.areas.tracking.methods.unfolded_smoother import UnfoldedSmoother
from mbdl_repro.areas.tracking.methods.unfolded_smoother_network import UnfoldedSmootherNetwork
from mbdl_repro.areas.tracking.methods.unfolded_smoother_objective import (
    UnfoldedSmootherObjective,
)
from mbdl_repro.areas.tracking.systems.lorenz import Lorenz
from mbdl_repro.contract.method import descend
from mbdl_repro.contract.seeding import torch_rng_for
from mbdl_repro.learning.recipe import Recipe

TRUTH = CANONICAL.believed(
    noise_ratio_db=-10.0, noise_std=1.0, observation_rotation_rad=math.radians(10)
)
WRONG = TRUTH.believed(observation_rotation_rad=0.0)
BELIEFS = {"right": TRUTH, "wrong": WRONG}
NOT_SINGULAR = [name for name in SYSTEMS if name != "rank one"]
UNFOLDED = [UnfoldedSmoother, UnfoldedSmootherObjective, UnfoldedSmootherNetwork]
every_unfolded = pytest.mark.parametrize("kind", UNFOLDED, ids=[one.name for one in UNFOLDED])
every_belief = pytest.mark.parametrize("belief", BELIEFS.values(), ids=BELIEFS)


def in_db(error):
    return 10 * math.log10(error)


# --- the stacked problem ---


@pytest.mark.parametrize("name", ["random start", "one entry"])
def test_curvatures_are_those_of_the_joint_gaussian(name):
    truth = SYSTEMS[name]
    Q, D, _ = posterior(truth)
    expected = np.sort(np.linalg.eigvals(np.linalg.solve(D, Q)).real)
    found = stacked_problem(linear_arrays(truth), truth.n_steps).curvatures
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize("name", NOT_SINGULAR)
def test_the_way_to_go_is_as_long_as_in_simulation(name):
    truth = SYSTEMS[name]
    x = torch.from_numpy(truth.draw(40_000, "test").x)
    steps = stacked_problem(linear_arrays(truth), truth.n_steps)
    H = np.broadcast_to(truth.H, (truth.n_steps, truth.n, truth.m))
    start = np.einsum("tij,rtj->rti", np.linalg.pinv(H), x.numpy())
    way = KalmanSmoother(truth)(x).numpy() - start
    # Weighted by the own curvatures, the sum over directions does not depend on the basis.
    weighted = np.einsum("rti,tij,rtj->r", way, own_curvatures(truth), way)
    error = weighted.std() / math.sqrt(len(x))
    assert abs(steps.distances.sum() - weighted.mean()) < 4 * error


def own_curvatures(truth):
    m, T = truth.m, truth.n_steps
    _, covariance = Joint(linear_arrays(truth), T).given(np.zeros((T, truth.n)))
    Q = np.linalg.inv(covariance[m:, m:])
    return np.stack([Q[t : t + m, t : t + m] for t in range(0, T * m, m)])


# --- steps that are not learned ---


@pytest.mark.parametrize("name", NOT_SINGULAR)
def test_many_steps_reach_the_smoothers_estimate(name):
    truth = SYSTEMS[name]
    x = torch.from_numpy(truth.draw(4, "test").x)
    expected = KalmanSmoother(truth)(x)
    for settings in ({}, {"condition": 400.0}):
        method = BlockJacobiSmoother(truth, iterations=300, **settings)
        torch.testing.assert_close(method(x), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", NOT_SINGULAR)
def test_small_steps_reach_it_where_observations_are_missing_too(name):
    truth = dataclasses.replace(SYSTEMS[name], missing_probability=0.3)
    x = torch.from_numpy(truth.draw(4, "test").x)
    method = BlockJacobiSmoother(truth, iterations=1)
    method.step_sizes = torch.full((4000,), 0.9, dtype=torch.float64)
    torch.testing.assert_close(method(x), KalmanSmoother(truth)(x), rtol=1e-5, atol=1e-6)


def test_it_starts_from_what_explains_each_observation():
    x = pairs(TRUTH, 3, "test").x
    start = next(iter(BlockJacobiSmoother(TRUTH).iterates(x)))
    torch.testing.assert_close(start @ torch.tensor(TRUTH.H).mT, x)


@pytest.mark.parametrize("k", [1, 3, 5, 12])
def test_the_best_steps_are_best_where_the_belief_is_true(k):
    """In the norm that D weights: a least-squares fit over polynomials finds none better."""
    problem = stacked_problem(linear_arrays(TRUTH), TRUTH.n_steps)
    scaled = problem.curvatures - 1
    basis = np.polynomial.chebyshev.chebvander(scaled, k - 1) * problem.curvatures[:, None]
    root = np.sqrt(problem.distances)
    q = np.linalg.lstsq(root[:, None] * basis, root, rcond=None)[0]
    least = (root * (1 - basis @ q)) @ (root * (1 - basis @ q))
    steps = BlockJacobiSmoother(TRUTH, iterations=k, steps="best").step_sizes.numpy()
    left = problem.distances @ np.prod(1 - np.outer(steps, problem.curvatures), 0) ** 2
    assert left == pytest.approx(least, rel=1e-8)


@every_belief
@pytest.mark.parametrize("k", [1, 3, 5, 8])
def test_no_steps_are_below_the_best_polynomial(belief, k):
    least = best_polynomial(belief, TRUTH, k)
    for start in ({"steps": "best"}, {}, {"condition": 12.0}):
        method = BlockJacobiSmoother(belief, iterations=k, **start)
        assert exact_mse(method, TRUTH) > least * (1 - 1e-9)


def test_what_an_experiment_says_of_polynomials():
    """The numbers that continuum_tracking holds learned steps against."""
    assert in_db(best_polynomial(WRONG, TRUTH, 5)) == pytest.approx(-4.90, abs=5e-3)
    assert -5.7 < in_db(best_polynomial(WRONG, TRUTH, 20)) < -5.6
    assert in_db(best_polynomial(TRUTH, TRUTH, 5)) == pytest.approx(-7.55, abs=5e-3)
    least = exact_mse(KalmanSmoother(TRUTH), TRUTH)
    assert best_polynomial(TRUTH, TRUTH, 30) == pytest.approx(least, rel=1e-4)


def test_where_h_is_wrong_few_steps_are_better_than_many():
    few = BlockJacobiSmoother(WRONG, iterations=12, steps="best")
    assert exact_mse(few, TRUTH) < 0.98 * exact_mse(KalmanSmoother(WRONG), TRUTH)


def test_what_it_cannot_do_is_refused():
    with pytest.raises(ValueError, match="V is singular"):
        BlockJacobiSmoother(EXAMPLE_3_5)
    with pytest.raises(ValueError, match="not linear"):
        BlockJacobiSmoother(Lorenz(n_steps=5, noise_std=1.0, process_noise_std=1.0))
    with pytest.raises(ValueError, match="shape"):
        BlockJacobiSmoother(CANONICAL)(torch.zeros(3, 20, 5, dtype=torch.float64))
    with pytest.raises(ValueError, match="varies"):
        UnfoldedSmootherObjective(SYSTEMS["varying"])


# --- unfolded ---


@every_unfolded
@every_belief
@pytest.mark.parametrize("start", [{"steps": "best"}, {"condition": 12.0}])
@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_unfitted_they_are_the_block_jacobi_smoother(kind, belief, start, missing):
    x = pairs(TRUTH.believed(missing_probability=missing), 10, "test").x
    method = kind(belief, iterations=4, **start)
    method.initialize(pairs(TRUTH, 20, "train"), torch_rng_for("fit"))
    with torch.no_grad():
        ours, theirs = (
            list(one.iterates(x))
            for one in (method, BlockJacobiSmoother(belief, iterations=4, **start))
        )
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-11)


RECIPE = Recipe(learning_rate=0.02, steps=60, batch_size=50, clip_norm=1.0, validate_every=20)


def fit(kind, belief, n_train=200, recipe=RECIPE, **settings):
    method = kind(belief, steps="best", **settings)
    train, validation = pairs(TRUTH, n_train, "train", 100), pairs(TRUTH, 100, "validation", 100)
    method.fit(train, validation, recipe, torch_rng_for("fit"))
    return method


@every_belief
def test_learned_steps_come_near_the_best_polynomial_and_not_below(belief):
    error, least = (
        exact_mse(fit(UnfoldedSmoother, belief), TRUTH),
        best_polynomial(belief, TRUTH, 5),
    )
    assert least < error < 1.02 * least


def test_learned_matrices_mend_h_and_learned_steps_do_not():
    smoother = exact_mse(KalmanSmoother(WRONG), TRUTH)
    steps, objective = (
        exact_mse(fit(kind, WRONG), TRUTH) for kind in (UnfoldedSmoother, UnfoldedSmootherObjective)
    )
    assert in_db(steps) > in_db(smoother)
    assert in_db(objective) < in_db(smoother) - 2


def test_an_objective_that_is_learned_is_one_to_be_minimized():
    """Many steps end at the smoother of the model that is learned."""
    method = fit(UnfoldedSmootherObjective, WRONG)
    with torch.no_grad():
        F, H, V, W = (tuple(map(tuple, part.tolist())) for part in method.model_now()[:4])
        learned = TRUTH.believed(
            transition=F, observation=H, observation_rotation_rad=0.0, noise_ratio_db=None,
            process_noise=V, process_noise_std=1.0, observation_noise=W, noise_std=1.0,
        )  # fmt: skip
        x = pairs(TRUTH, 5, "test").x
        expected = KalmanSmoother(learned)(x)
        more = UnfoldedSmootherObjective(WRONG, iterations=300)
        state = method.state_dict() | {
            "log_step": BlockJacobiSmoother(learned, iterations=300).first_steps.log()
        }
        more.load_state_dict(state)
        torch.testing.assert_close(more(x), expected, rtol=1e-6, atol=1e-6)


def test_a_network_corrects_twice_as_much_where_all_is_twice_as_large():
    method = fit(UnfoldedSmootherNetwork, WRONG, recipe=RECIPE.model_copy(update={"steps": 5}))
    assert method.outer.any()
    x = pairs(TRUTH, 5, "test").x
    torch.testing.assert_close(method(7 * x), 7 * method(x))
    classical = BlockJacobiSmoother(WRONG, steps="best")(x)
    assert not torch.allclose(method(x), classical, rtol=1e-3)


def test_a_network_reaches_two_steps_more_on_either_side():
    method = UnfoldedSmootherNetwork(WRONG, iterations=2)
    method.initialize(pairs(TRUTH, 20, "train"), torch_rng_for("fit"))
    with torch.no_grad():
        method.outer.normal_(generator=torch_rng_for("outer"))
        x = pairs(TRUTH, 4, "test").x
        other = x.clone()
        other[:, 10] += 1
        moved = ((method(x) - method(other)).abs() > 1e-9).any(0).any(-1)
    # A step of the messages reaches one further; the network, two taps of three, two more.
    assert moved.nonzero()[:, 0].tolist() == list(range(4, 17))


@every_unfolded
def test_a_stack_of_fits_is_each_of_them(kind):
    assert_a_stack_is_each_of_its_fits(lambda: kind(WRONG, iterations=3), TRUTH)


def test_a_stack_of_fits_refuses_missing_observations():
    gaps = TRUTH.believed(missing_probability=0.3)
    methods = [UnfoldedSmoother(WRONG) for _ in range(2)]
    data = [pairs(gaps, 10, "train", i) for i in range(2)]
    with pytest.raises(ValueError, match="leave out together"):
        descend(methods, data, data, RECIPE, [torch_rng_for("fit", i) for i in range(2)])


def test_they_learn_from_what_is_not_missing():
    gaps = TRUTH.believed(missing_probability=0.2)
    method = UnfoldedSmootherObjective(WRONG, steps="best")
    test = pairs(gaps, 300, "test", 100)

    def error():
        with torch.no_grad():
            return (method(test.x) - test.s).square().mean().item()

    before = error()
    method.fit(pairs(gaps, 100, "train", 100), pairs(gaps, 50, "validation"), RECIPE)
    assert error() < 0.9 * before
