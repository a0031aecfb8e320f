"""Controllers in loops: the same disturbances for all, and learned ones at their start."""

import numpy as np
import pytest
import torch
from areas.tracking.control.loops import (
    HEAVY,
    MASS,
    SPRING,
    UNKNOWN,
    FixedGain,
    Replay,
    assert_a_fit_descends,
    records,
)
from areas.tracking.stacks import assert_a_stack_is_each_of_its_fits

from mbdl_repro.areas.tracking.control.model import Plant, plant_arrays
from mbdl_repro.areas.tracking.control.policy import closed_loop, loop_cost
from mbdl_repro.areas.tracking.control.regulator import regulator
from mbdl_repro.areas.tracking.methods.identified_lqg import IdentifiedLqg
from mbdl_repro.areas.tracking.methods.kalmannet_lqr import KalmannetLqr
from mbdl_repro.areas.tracking.methods.lqg import Lqg
from mbdl_repro.areas.tracking.methods.recurrent_policy import RecurrentPolicy
from mbdl_repro.areas.tracking.metrics import quadratic_cost
from mbdl_repro.contract.seeding import torch_rng_for
from mbdl_repro.learning.recipe import Recipe

FEW = Recipe(learning_rate=0.02, steps=20, batch_size=20, clip_norm=1.0, validate_every=5)


def kalmannet(belief=MASS, **settings):
    return KalmannetLqr(belief, input_multiplier=2, hidden_multiplier=1, **settings)


def policy(belief=UNKNOWN, **settings):
    return RecurrentPolicy(belief, hidden_size=5, **settings)


LEARNED = {
    "kalmannet, error": lambda: kalmannet(magnitudes=True),
    "kalmannet, cost": lambda: kalmannet(trained_on="cost", magnitudes=True),
    "kalmannet, believed": lambda: kalmannet(trained_on="cost", simulator="believed"),
    "policy": policy,
    "policy, believed": lambda: policy(MASS, simulator="believed"),
    "policy, states too": lambda: policy(state_weight=0.5),
}
every_learned = pytest.mark.parametrize("build", LEARNED.values(), ids=list(LEARNED))


def plant_of(truth):
    return Plant(*map(torch.tensor, plant_arrays(truth)))


@pytest.mark.parametrize("plant", [SPRING, HEAVY], ids=["the true plant", "another"])
def test_whoever_applies_the_recorded_inputs_meets_the_recorded_states(plant):
    """Then what a plant does not explain is just what happened."""
    split, probe = records(SPRING, 5, "loop"), torch.tensor(SPRING.probe)
    loop = closed_loop(Replay(probe), plant_of(plant), split, probe)
    torch.testing.assert_close(loop.states, split.s)
    assert torch.equal(loop.inputs, probe[1:].expand(5, -1, -1))
    Q, R = (torch.tensor(part).diagonal() for part in (SPRING.Q, SPRING.R))
    cost = (split.s.square() * Q).sum((1, 2)) + (loop.inputs.square() * R).sum((1, 2))
    torch.testing.assert_close(loop_cost(loop, plant_of(plant)), cost / SPRING.n_steps)


def test_the_true_plant_makes_out_the_true_disturbances():
    """They are white, of the stated size, whatever the inputs were."""
    split = records(SPRING, 2000, "loop")
    nothing = torch.zeros(SPRING.n_steps, 1, dtype=torch.float64)
    states = closed_loop(
        Replay(nothing), plant_of(SPRING), split, torch.tensor(SPRING.probe)
    ).states
    v = (states[:, 1:] - states[:, :-1] @ torch.tensor(SPRING.F).mT).flatten() / SPRING.q
    n = len(v)
    assert abs(v.square().mean().item() - 1) < 5 * np.sqrt(2 / n)
    assert abs(v.mean().item()) < 5 / np.sqrt(n)


@pytest.mark.parametrize(
    "build",
    [lambda: Lqg(HEAVY), lambda: Lqg(MASS), *list(LEARNED.values())[:3]],
    ids=["lqg, right", "lqg, wrong", *list(LEARNED)[:3]],
)
def test_what_estimates_in_loops_estimates_records_alike(build):
    """By ``act``, step by step, and by ``forward``."""
    train, probe = records(HEAVY, 30, "train"), torch.tensor(HEAVY.probe)
    method = build()
    method.fit(train, train, FEW, torch_rng_for("fit"))
    memory, states = method.start((30,), HEAVY.n_steps), []
    for t in range(HEAVY.n_steps - 1):
        _, memory = method.act(memory, train.x[:, t], probe[t].expand(30, -1))
        states.append(memory.s)
    torch.testing.assert_close(torch.stack(states, 1), method(train.x)[:, :-1])


def test_unfitted_kalmannet_is_the_regulator_on_an_observer_of_a_fixed_gain():
    belief = HEAVY.believed(noise_std=None, process_noise_std=None)
    method = kalmannet(belief, initial_gain=0.3, magnitudes=True)
    F, B, *_ = plant_of(HEAVY)
    L = regulator(plant_of(HEAVY), HEAVY.n_steps)[0]
    parent = FixedGain(F, B, 0.3, L, torch.tensor(HEAVY.mean_0))
    test = HEAVY.draw(6, "test")
    np.testing.assert_allclose(
        quadratic_cost(method, test, HEAVY), quadratic_cost(parent_of(parent), test, HEAVY)
    )


def parent_of(controller):
    """A controller as a module, as metrics take it."""
    module = torch.nn.Module()
    module.start, module.act = controller.start, controller.act
    return module


def test_unfitted_the_recurrent_policy_does_nothing():
    test = SPRING.draw(6, "test")
    nothing = Replay(torch.zeros(SPRING.n_steps, 1, dtype=torch.float64))
    np.testing.assert_allclose(
        quadratic_cost(policy(), test, SPRING), quadratic_cost(parent_of(nothing), test, SPRING)
    )


@pytest.mark.parametrize("build", [kalmannet, policy], ids=["kalmannet", "policy"])
def test_in_a_simulator_that_is_right_what_is_descended_is_the_true_cost(build):
    """Whoever believes the truth makes out the true disturbances of records."""
    told = {"trained_on": "cost"} if build is kalmannet else {}
    method = build(SPRING, simulator="believed", **told)
    train = records(SPRING, 30, "train")
    method.initialize(train, torch_rng_for("fit"))
    unit = method.unit_of_loss if build is kalmannet else method.unit_of_cost
    cost = quadratic_cost(method, SPRING.draw(30, "train"), SPRING).mean()
    assert method.loss(*train).item() * unit.item() == pytest.approx(cost, rel=1e-10)


def test_tuning_for_the_cost_takes_the_cost_in_the_identified_plant():
    """Of many records this is nearly the true one."""
    many = records(SPRING, 2000, "validation")
    method = Lqg(MASS, judged_by="cost")
    cost = quadratic_cost(method, SPRING.draw(2000, "validation"), SPRING).mean()
    assert method.loss_on(many) == pytest.approx(cost, rel=1e-2)
    assert Lqg(MASS).loss_on(many) == pytest.approx(
        (Lqg(MASS)(many.x) - many.s).square().sum((1, 2)).mean().item(), rel=1e-12
    )


@every_learned
def test_a_fit_lowers_the_loss_and_gradients_reach_all(build):
    assert_a_fit_descends(build(), SPRING, FEW)


@every_learned
def test_fits_that_go_together_are_the_fits_one_by_one(build):
    assert_a_stack_is_each_of_its_fits(build, SPRING)


def test_only_a_policy_that_is_trained_to_estimates_states():
    x = records(SPRING, 3, "test").x
    assert policy()(x).isnan().all()
    assert policy(state_weight=0.5)(x).isfinite().all()


def test_the_identified_model_is_that_of_least_squares():
    train = records(HEAVY, 3, "train")
    method = IdentifiedLqg(UNKNOWN)
    method.fit(train, train)
    s, u = train.s.numpy(), HEAVY.probe
    given = np.concatenate([np.concatenate([row[:-1], u[1:]], axis=1) for row in s])
    target = np.concatenate([row[1:] for row in s])
    both = np.linalg.lstsq(given, target, rcond=None)[0].T
    np.testing.assert_allclose(method.F.detach(), both[:, :2], rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(method.B.detach(), both[:, 2:], rtol=1e-8, atol=1e-12)
    noise = (train.x - train.s).numpy().reshape(-1, 2)
    W = method.observation_root @ method.observation_root.mT
    np.testing.assert_allclose(W.detach(), noise.T @ noise / len(noise), rtol=1e-8)
