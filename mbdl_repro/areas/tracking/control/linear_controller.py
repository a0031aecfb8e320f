"""Controllers that act on what a Kalman filter estimates, by the regulator's gain or otherwise."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Annotated, NamedTuple

import torch
from torch import Tensor

from mbdl_repro.areas.tracking.control.model import LinearPolicy, Plant
from mbdl_repro.areas.tracking.control.regulator import regulator
from mbdl_repro.areas.tracking.kalman.linear_filter import (
    check_observations,
    constant_gains,
    kalman_gains,
)
from mbdl_repro.areas.tracking.kalman.model import LinearModel
from mbdl_repro.areas.tracking.systems.arrays import like
from mbdl_repro.areas.tracking.systems.controlled import Controlled
from mbdl_repro.contract.method import Method


class Memory(NamedTuple):
    """What a filter in a loop remembers."""

    policy: LinearPolicy[Tensor]
    t: int  # measurements taken in
    s: Tensor  # (..., m), the estimate ŝ_t


class FilteringController(Method, ABC):
    """A controller that acts on estimates which are linear in what is measured and applied.

    ŝ_t = p_t + K_t (x_t − H p_t),  p_t = F ŝ_{t−1} + B u_{t−1}

    Maps measurements x (n_rows, T, n) of recorded experiments to ŝ (n_rows, T, m).
    """

    def __init__(self, belief: Controlled) -> None:
        super().__init__()
        self.belief = belief

    @abstractmethod
    def matrices(self, T: int) -> LinearPolicy[Tensor]:
        """Return the filter, and the regulator's gains, for loops of T steps."""

    def forward(
        self, x: Annotated[Tensor, "(n_rows, T, n)"]
    ) -> Annotated[Tensor, "(n_rows, T, m)"]:
        """Return the estimates of the states (n_rows, T, m) of recorded experiments."""
        check_observations(x, self.belief.n)
        memory = self.begin((len(x),), x.shape[1])
        states = []
        for x_t, u in zip(x.unbind(1), like(self.belief.probe, x), strict=True):
            memory = estimated(memory, x_t, u.expand(len(x), -1))
            states.append(memory.s)
        return torch.stack(states, 1)

    def begin(self, rows: tuple[int, ...], T: int) -> Memory:
        """Return what the filter remembers before anything is measured.

        Args:
            rows: how many loops are controlled side by side.
            T: steps that there will be.
        """
        policy = self.matrices(T)
        return Memory(policy, 0, policy.mean_0.expand(*rows, -1))


class LinearController(FilteringController):
    """A controller whose inputs are linear in what it estimates: u_t = −L_t ŝ_t."""

    def linear_policy(self, T: int) -> LinearPolicy[Tensor]:
        """Return the matrices for loops of T steps, which say all that it does."""
        return self.matrices(T)

    def start(self, rows: tuple[int, ...], T: int) -> Memory:
        """Return what is remembered before anything is measured.

        Args:
            rows: how many loops are controlled side by side.
            T: steps that there will be.
        """
        return self.begin(rows, T)

    def act(
        self, memory: Memory, x: Annotated[Tensor, "(rows, n)"], u: Annotated[Tensor, "(rows, p)"]
    ) -> tuple[Tensor, Memory]:
        """Return u_t = −L_t ŝ_t (rows, p), and what is remembered then.

        Args:
            memory: what is remembered.
            x: what is measured now, (rows, n).
            u: the input since the last measurement, (rows, p).
        """
        memory = estimated(memory, x, u)
        return -memory.s @ memory.policy.L[memory.t - 1].mT, memory


def estimated(
    memory: Memory, x: Annotated[Tensor, "(rows, n)"], u: Annotated[Tensor, "(rows, p)"]
) -> Memory:
    """Return what is remembered once x has been measured.

    Args:
        memory: what is remembered.
        x: what is measured now, (rows, n).
        u: the input since the last measurement, (rows, p).
    """
    policy, t, s = memory
    predicted = s @ policy.F.mT + u @ policy.B.mT
    s = predicted + (x - predicted @ policy.H.mT) @ policy.K[t].mT
    return Memory(policy, t + 1, s)


def lqg_policy(model: LinearModel[Tensor], plant: Plant[Tensor], T: int) -> LinearPolicy[Tensor]:
    """Return the controller of least cost in a linear Gaussian system over T steps.

    Args:
        model: F, H, V, W and the law of s_0, for the filter.
        plant: the same F, with B and the cost, for the regulator.
        T: number of steps.
    """
    is_learned = torch.is_grad_enabled() and any(part.requires_grad for part in model)
    K, _ = (kalman_gains if is_learned else constant_gains)(model, T)
    L, _ = regulator(plant, T)
    gains = torch.stack(L) if L else plant.F.new_zeros(0, *plant.B.mT.shape)
    return LinearPolicy(plant.F, plant.B, plant.H, K, gains, model.mean_0)
