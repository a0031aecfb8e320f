"""What tests of control share: plants, records of them, and controllers of a few lines."""

import torch
from gradients import assert_slopes_are_those_of_differences

from mbdl_repro.areas.tracking.systems.controlled import Controlled
from mbdl_repro.contract.method import Split
from mbdl_repro.contract.seeding import torch_rng_for

SPRING = Controlled(
    stiffness_n_per_m=4.0, n_steps=12, noise_std=1.0, process_noise_std=0.1, initial_std=1.0
)
MASS = SPRING.believed(stiffness_n_per_m=0.0)
"""What a designer believes who does not see the spring."""

UNKNOWN = SPRING.believed(
    mass_kg=None, stiffness_n_per_m=None, noise_std=None, process_noise_std=None
)
HEAVY = MASS.believed(mass_kg=4.0, initial_state=(2.0, -1.0))
TOPPLING = MASS.believed(stiffness_n_per_m=-0.5, initial_std=0.0, initial_state=(1.0, 0.0))
TRUTHS = {"spring": SPRING, "double integrator": MASS, "heavy": HEAVY, "toppling": TOPPLING}


def records(truth, n, *stream):
    return Split(*(torch.from_numpy(part) for part in truth.draw(n, *stream)))


def assert_a_fit_descends(method, truth, recipe):
    """A fit lowers the loss, and each parameter has a gradient, which is the right one."""
    train, validation = records(truth, 60, "train"), records(truth, 30, "validation")
    history = method.fit(train, validation, recipe, torch_rng_for("fit"))
    losses = [row["validation_loss"] for row in history]
    assert min(losses) < losses[0]
    method.loss(*validation).backward()
    assert all(p.grad.abs().max() > 0 for p in method.parameters())
    method.zero_grad()
    few = validation.first(3)
    rng = torch_rng_for("directions")
    assert_slopes_are_those_of_differences(method, lambda: method.loss(*few), rng)


class Replay:
    """A controller that applies a known sequence, whatever it measures."""

    def __init__(self, inputs):
        self.inputs = inputs

    def start(self, rows, T):
        return 0

    def act(self, memory, x, u):
        return self.inputs[memory + 1].expand(*x.shape[:-1], -1), memory + 1


class FixedGain:
    """An observer of gain κ, and the inputs −L_t ŝ_t, one row after another, in plain loops."""

    def __init__(self, F, B, kappa, L, start):
        self.F, self.B, self.kappa, self.L, self.s_0 = F, B, kappa, L, start

    def start(self, rows, T):
        return [[self.s_0.clone() for _ in range(rows[0])], 0]

    def act(self, memory, x, u):
        estimates, t = memory
        after = []
        for s, seen, applied in zip(estimates, x, u, strict=True):
            predicted = self.F @ s + self.B @ applied
            after.append(predicted + self.kappa * (seen - predicted))
        return torch.stack([-self.L[t] @ s for s in after]), [after, t + 1]
