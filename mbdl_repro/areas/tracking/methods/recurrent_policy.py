"""A recurrent network that acts: from measurements to inputs, trained on the cost end to end."""

from __future__ import annotations

from typing import Annotated, NamedTuple

import torch
from annotated_types import Ge
from torch import Tensor

from mbdl_repro.areas.tracking.control.model import controlled
from mbdl_repro.areas.tracking.control.simulator import Kind, Simulator
from mbdl_repro.areas.tracking.kalman.linear_filter import check_observations
from mbdl_repro.areas.tracking.learned.filter import N_MEASURED
from mbdl_repro.areas.tracking.learned.network import Moment, Step
from mbdl_repro.areas.tracking.learned.one_gru import OneGru
from mbdl_repro.areas.tracking.learned.units import root_mean_square, unit_or_one
from mbdl_repro.areas.tracking.systems.arrays import like
from mbdl_repro.areas.tracking.systems.state_space import StateSpace
from mbdl_repro.contract.method import Family, Method, Split
from mbdl_repro.learning.layers import Affine, Gru


class _Memory(NamedTuple):
    """What the policy remembers."""

    step: Step
    t: int  # measurements taken in
    hidden: Tensor


class RecurrentPolicy(Method):
    """A gated recurrent unit between two layers, from (x_t, u_{t−1}) to u_t: a black box.

    It is trained on the cost of its own loops, through the simulator. Measurements are divided
    by the size of the first ones of the experiments, inputs are in units of the experiments'
    force. Unfitted it does nothing.

    Args:
        belief: gives the cost, and the inputs of the experiments; F and B, if the simulator is the
            believed plant. Nothing else is read.
        simulator: the plant that it is trained in, ``identified`` from the experiments, or the
            ``believed`` one.
        hidden_size: entries of the unit, and of the layers before and after it.
        state_weight: weight of the error of a second output, of the states of the
            experiments, in the loss; 0: it is trained on the cost alone, and estimates no state.

    Maps measurements x (n_rows, T, n) of recorded experiments to ŝ (n_rows, T, m), NaN where no
    state is estimated.

    Source: Section 4, end-to-end learning; textbook, policies trained through a model.
    """

    name = "recurrent_policy"
    family = Family.DEEP_LEARNING

    def __init__(
        self,
        belief: StateSpace,
        *,
        simulator: Kind = "identified",
        hidden_size: Annotated[int, Ge(1)] = 24,
        state_weight: Annotated[float, Ge(0)] = 0.0,
    ) -> None:
        super().__init__()
        belief = controlled(belief)
        self.simulator = Simulator(belief, simulator)
        self.state_weight = state_weight
        self.n, self.p = belief.n, len(self.simulator.R)
        nothing = torch.zeros(self.p + belief.m, dtype=torch.float64)
        self.network = OneGru(0, self.n + self.p, (hidden_size,) * 3, nothing)
        self.x_unit: Tensor
        self.s_unit: Tensor
        self.unit_of_cost: Tensor
        for name, size in (("x_unit", (self.n,)), ("s_unit", (belief.m,)), ("unit_of_cost", ())):
            self.register_buffer(name, torch.ones(size, dtype=torch.float64))

    @torch.no_grad()
    def initialize(self, train: Split, rng: torch.Generator) -> None:
        """Draw weights, make the simulator, and measure the units.

        Args:
            train: recorded experiments, x (n_train, T, n) and s (n_train, T, m).
            rng: generator that weights are drawn from, on the CPU.
        """
        for layer in self.network.modules():
            if isinstance(layer, (Affine, Gru)):
                layer.draw(rng)
        self.simulator.learn(train)
        few = Split(*(part.to(self.x_unit) for part in train.first(N_MEASURED)))
        self.x_unit.copy_(root_mean_square(few.x[:, :1]))
        self.s_unit.copy_(root_mean_square(few.s))
        self.unit_of_cost.copy_(unit_or_one(self.simulator.cost(self, few).mean()))

    def forward(
        self, x: Annotated[Tensor, "(n_rows, T, n)"]
    ) -> Annotated[Tensor, "(n_rows, T, m)"]:
        """Return the estimates of the states (n_rows, T, m), NaN if it is not trained to."""
        check_observations(x, self.n)
        estimates = self._estimates(x)
        return estimates if self.state_weight else torch.full_like(estimates, torch.nan)

    def loss(
        self, x: Annotated[Tensor, "(rows, T, n)"], s: Annotated[Tensor, "(rows, T, m)"]
    ) -> Tensor:
        """Return the mean cost in the simulator, in units of that of doing nothing.

        With a weight on states, the mean squared error of their estimates, in units of the
        states' own mean square, is added.

        Args:
            x: measurements of recorded experiments, (rows, T, n).
            s: their states, (rows, T, m).
        """
        loss = self.simulator.cost(self, Split(x, s)).mean(-1) / self.unit_of_cost
        if not self.state_weight:
            return loss
        error = (self._estimates(x) - s) / self.s_unit[..., None, None, :]
        return loss + self.state_weight * error.square().flatten(-3).mean(-1)

    def losses(
        self,
        x: Annotated[Tensor, "(members, rows, T, n)"],
        s: Annotated[Tensor, "(members, rows, T, m)"],
    ) -> Annotated[Tensor, "(members,)"]:
        """Return the loss of each fit of a stack, (members,).

        Args:
            x: measurements, (members, rows, T, n).
            s: the states, (members, rows, T, m).
        """
        return self.loss(x, s)

    def start(self, rows: tuple[int, ...], T: int) -> _Memory:
        """Return what is remembered before anything is measured.

        Args:
            rows: how many loops are controlled side by side; of a stack of fits, (members, rows).
            T: steps that there will be.
        """
        hidden, step = self.network.begin(self.x_unit.new_zeros(*rows[:-1], T, rows[-1], 0))
        return _Memory(step, 0, hidden)

    def act(
        self, memory: _Memory, x: Annotated[Tensor, "(rows, n)"], u: Annotated[Tensor, "(rows, p)"]
    ) -> tuple[Tensor, _Memory]:
        """Return the next input (rows, p), and what is remembered then.

        Args:
            memory: what is remembered.
            x: what is measured now, (rows, n).
            u: the input since the last measurement, (rows, p).
        """
        output, memory = self._next(memory, x, u)
        return self.simulator.belief.probe_force_n * output[..., : self.p], memory

    def _next(self, memory: _Memory, x: Tensor, u: Tensor) -> tuple[Tensor, _Memory]:
        """Return what the network gives (rows, p + m), and what is remembered then."""
        force = self.simulator.belief.probe_force_n
        seen = torch.cat((x / self.x_unit.unsqueeze(-2), u / force), -1)
        output, hidden = memory.step(Moment(memory.t, seen), memory.hidden)
        return output, _Memory(memory.step, memory.t + 1, hidden)

    def _estimates(self, x: Tensor) -> Tensor:
        """Return the second output along experiments, (..., rows, T, m)."""
        memory = self.start(tuple(x.shape[:-2]), x.shape[-2])
        outputs = []
        for x_t, u in zip(x.unbind(-2), like(self.simulator.belief.probe, x), strict=True):
            output, memory = self._next(memory, x_t, u.expand(*x_t.shape[:-1], -1))
            outputs.append(output[..., self.p :])
        return torch.stack(outputs, -2) * self.s_unit[..., None, None, :]
