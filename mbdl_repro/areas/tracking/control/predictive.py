"""Model predictive control: at each measurement a plan is made, and its first input applied."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Annotated, Literal, NamedTuple

import numpy as np
import torch
from annotated_types import Ge
from torch import Tensor

from mbdl_repro.areas.tracking.control.linear_controller import (
    FilteringController,
    Memory,
    estimated,
    lqg_policy,
)
from mbdl_repro.areas.tracking.control.model import (
    LinearPolicy,
    Plant,
    controlled,
    filter_arrays,
    plant_arrays,
)
from mbdl_repro.areas.tracking.control.plans import descended, planning
from mbdl_repro.areas.tracking.control.simulator import Simulator
from mbdl_repro.areas.tracking.kalman.model import LinearModel
from mbdl_repro.areas.tracking.systems.state_space import StateSpace
from mbdl_repro.contract.scenario import Split


class Planned(NamedTuple):
    """What a controller that plans remembers."""

    known: Memory
    plan: Tensor  # (..., N p), the last one


class PredictiveController(FilteringController, ABC):
    """A Kalman filter, and K projected gradient steps on the next inputs at each measurement.

    min over u_t … u_{t+N−1}, each within its limit, of what they cost from ŝ_t on: J_t, see
    :func:`planning`. u_t is applied.

    Args:
        belief: a controlled system: the plant, what disturbs it, and the limit.
        iterations: K.
        horizon: N, inputs of a plan.
        start: from where steps are taken: ``zero``; ``regulator``, the best plan without limits,
            cut off at them; ``shifted``, the last plan moved on by a step, 0 at its end, and in
            the first step the regulator's.

    Maps measurements x (n_rows, T, n) of recorded experiments to ŝ (n_rows, T, m).
    """

    C: Tensor
    D: Tensor
    free: Tensor
    limits: Tensor

    def __init__(
        self,
        belief: StateSpace,
        *,
        iterations: Annotated[int, Ge(1)] = 3,
        horizon: Annotated[int, Ge(1)] = 30,
        start: Literal["zero", "regulator", "shifted"] = "shifted",
    ) -> None:
        belief = controlled(belief)
        super().__init__(belief)
        self.begin_from = start
        arrays, T = plant_arrays(belief), belief.n_steps
        self.p, self.n_iterations = arrays.B.shape[1], iterations
        self.simulator = Simulator(belief, "believed")
        model = LinearModel(*map(torch.tensor, filter_arrays(belief)))
        policy = lqg_policy(model, Plant(*map(torch.tensor, arrays)), T)
        plans = planning(arrays, T, horizon)._asdict()
        for name, part in (policy._asdict() | plans).items():
            self.register_buffer(name, torch.as_tensor(part))
        self.register_buffer("limits", torch.tensor(np.tile(arrays.limit, horizon)))

    @abstractmethod
    def steps(self) -> Iterable[float | Tensor]:
        """Yield μ_1 … μ_K, a number each, or one an input of the plan, (N p,)."""

    @abstractmethod
    def extrapolations(self) -> Iterable[float | Tensor]:
        """Yield β_1 … β_{K−1}."""

    def matrices(self, T: int) -> LinearPolicy[Tensor]:
        """Return the filter, and the regulator's gains, for loops of T steps.

        Raises:
            ValueError: if T is not what is believed.
        """
        if self.belief.n_steps != T:
            raise ValueError(
                f"there are {T} steps, and plans are made for loops of {self.belief.n_steps}: "
                "allowed are as many as n_steps of the belief says"
            )
        return LinearPolicy(*(getattr(self, name) for name in LinearPolicy._fields))

    def loss(
        self, x: Annotated[Tensor, "(rows, T, n)"], s: Annotated[Tensor, "(rows, T, m)"]
    ) -> Tensor:
        """Return the mean cost of a row in the believed plant.

        Args:
            x: measurements of recorded experiments, (rows, T, n).
            s: their states, (rows, T, m).
        """
        return self.simulator.cost(self, Split(x, s)).mean()

    def start(self, rows: tuple[int, ...], T: int) -> Planned:
        """Return what is remembered before anything is measured.

        Args:
            rows: how many loops are controlled side by side.
            T: steps that there will be.
        """
        known = self.begin(rows, T)
        return Planned(known, known.s.new_zeros(*rows, self.limits.shape[-1]))

    def act(
        self, memory: Planned, x: Annotated[Tensor, "(rows, n)"], u: Annotated[Tensor, "(rows, p)"]
    ) -> tuple[Tensor, Planned]:
        """Return the first input of a plan (rows, p), and what is remembered then.

        Args:
            memory: what is remembered.
            x: what is measured now, (rows, n).
            u: the input since the last measurement, (rows, p).
        """
        known = estimated(memory.known, x, u)
        k = known.t - 1
        plan = descended(
            self._begun(known, memory.plan),
            known.s @ self.D[k].mT,
            self.C[k],
            self.steps(),
            self.extrapolations(),
            self.limits,
        )
        return plan[..., : self.p], Planned(known, plan)

    def _begun(self, known: Memory, last: Tensor) -> Tensor:
        """Return the plan that steps are taken from, (rows, N p)."""
        if self.begin_from == "zero":
            return torch.zeros_like(last)
        if self.begin_from == "regulator" or known.t == 1:
            return (known.s @ self.free[known.t - 1].mT).clamp(-self.limits, self.limits)
        return torch.cat((last[..., self.p :], torch.zeros_like(last[..., : self.p])), -1)
