"""KalmanNet in the loop: a learned gain in the filter, and the regulator's gain after it."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
import torch
from annotated_types import Ge
from torch import Tensor

from mbdl_repro.areas.tracking.control.model import controlled, plant_arrays
from mbdl_repro.areas.tracking.control.regulator import regulator
from mbdl_repro.areas.tracking.control.simulator import Kind, Simulator
from mbdl_repro.areas.tracking.learned.filter import N_MEASURED
from mbdl_repro.areas.tracking.learned.gain import LearnedGain
from mbdl_repro.areas.tracking.learned.network import Moment, Step
from mbdl_repro.areas.tracking.learned.one_gru import OneGru
from mbdl_repro.areas.tracking.learned.units import unit_or_one
from mbdl_repro.areas.tracking.systems.arrays import like
from mbdl_repro.areas.tracking.systems.state_space import StateSpace
from mbdl_repro.contract.method import Family, Split


class _Memory(NamedTuple):
    """What the controller remembers."""

    step: Step
    gains: list[np.ndarray]  # L_1 … L_{T−1}, (p, m) each
    t: int  # measurements taken in
    s: Tensor  # (..., m), the estimate
    change: Tensor  # (..., m), the last change of it
    correction: Tensor  # (..., m), the last correction of it
    hidden: Tensor


class KalmannetLqr(LearnedGain):
    """The regulator of a believed plant on states that a filter with a learned gain estimates.

    u_t = −L_t ŝ_t,  ŝ_t = p_t + K_t (x_t − H p_t),  p_t = F ŝ_{t−1} + B u_{t−1}

    One gated recurrent unit gives K_t: differences' directions → layer of a (m + n) → unit of
    b (m² + n²) hidden entries → layer of 4 m n → K_t. L is the believed plant's, and is not
    learned. Unfitted, K is a fixed gain.

    Args:
        belief: gives F, B, H, s̄_0, the cost, and the inputs of the experiments; V and W are not
            read.
        trained_on: ``error`` of the states of recorded experiments, or ``cost`` in a simulator.
        simulator: its plant, ``identified`` from the experiments, or the ``believed`` one.
        input_multiplier: a.
        hidden_multiplier: b.

    Maps measurements x (n_rows, T, n) of recorded experiments to ŝ (n_rows, T, m).

    Source: Casspi, Hüsser, Revach and Shlezinger, 2023, LQGNet; Revach et al., 2022,
    architecture #1, without the changes of the observation.
    """

    name = "kalmannet_lqr"
    family = Family.DNN_AIDED_INFERENCE
    network: OneGru

    def __init__(
        self,
        belief: StateSpace,
        *,
        trained_on: Literal["error", "cost"] = "error",
        simulator: Kind = "identified",
        input_multiplier: Annotated[int, Ge(1)] = 5,
        hidden_multiplier: Annotated[int, Ge(1)] = 3,
        **settings: Any,
    ) -> None:
        belief = controlled(belief)
        self.plant = plant_arrays(belief)
        super().__init__(belief, **settings)
        self.trained_on = trained_on
        self.simulator = Simulator(belief, simulator)
        m, n = belief.m, belief.n
        widths = (input_multiplier * (m + n), hidden_multiplier * (m**2 + n**2), 4 * m * n)
        n_features = 2 * m + n + 3 * int(self.magnitudes)
        self.network = OneGru(0, n_features, widths, self.fixed_gain(self.initial_gain))

    def features_of_changes(self, changes: Tensor) -> Annotated[Tensor, "(T, rows, 0)"]:
        """Return nothing (T, rows, 0): in a loop, what comes is not known ahead."""
        return changes[..., :0]

    def start_from(self, gain: float) -> None:
        """Let the last layer's bias be the gain κ H⁺."""
        self.network.last.bias.copy_(self.fixed_gain(gain).flatten())

    @torch.no_grad()
    def initialize(self, train: Split, rng: torch.Generator) -> None:
        """Draw weights, start from the best fixed gain, and make the simulator.

        Args:
            train: recorded experiments, x (n_train, T, n) and s (n_train, T, m).
            rng: generator that weights are drawn from, on the CPU.
        """
        super().initialize(train, rng)
        self.simulator.learn(train)
        if self.trained_on == "cost":
            few = Split(*(part.to(self.model.mean_0) for part in train.first(N_MEASURED)))
            self.unit_of_loss.copy_(unit_or_one(self.simulator.cost(self, few).mean()))

    def loss(
        self, x: Annotated[Tensor, "(rows, T, n)"], s: Annotated[Tensor, "(rows, T, m)"]
    ) -> Tensor:
        """Return the mean error, or cost, of a row, in units of the best fixed gain's.

        Args:
            x: measurements of recorded experiments, (rows, T, n).
            s: their states, (rows, T, m).
        """
        if self.trained_on == "error":
            return super().loss(x, s)
        return self.simulator.cost(self, Split(x, s)).mean(-1) / self.unit_of_loss

    def start(self, rows: tuple[int, ...], T: int) -> _Memory:
        """Return what is remembered before anything is measured.

        Args:
            rows: how many loops are controlled side by side; of a stack of fits, (members, rows).
            T: steps that there will be.
        """
        s = self.model.mean_0.unsqueeze(-2).expand(*rows, -1)
        hidden, step = self.network.begin(s.new_zeros(*rows[:-1], T, rows[-1], 0))
        zero = torch.zeros_like(s)
        return _Memory(step, regulator(self.plant, T)[0], 0, s, zero, zero, hidden)

    def act(
        self, memory: _Memory, x: Annotated[Tensor, "(rows, n)"], u: Annotated[Tensor, "(rows, p)"]
    ) -> tuple[Tensor, _Memory]:
        """Return u_t = −L_t ŝ_t (rows, p), and what is remembered then.

        Args:
            memory: what is remembered.
            x: what is measured now, (rows, n).
            u: the input since the last measurement, (rows, p).
        """
        step, gains, t, s, change, correction, hidden = memory
        predicted = self.simulator.belief.moved(s, u)
        innovation = x - self.simulator.belief.h(predicted)
        features = self.features(torch.cat((change, correction, innovation), -1))
        output, hidden = step(Moment(t, features), hidden)
        correction = self.correction(output, innovation, predicted, t + 1)
        after = predicted + correction
        return (
            -after @ like(gains[t], x).mT,
            _Memory(step, gains, t + 1, after, after - s, correction, hidden),
        )
