"""Methods that work out the estimates of many fits at once."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Annotated

from torch import Tensor

from mbdl_repro.areas.tracking.kalman.linear_filter import check_observations
from mbdl_repro.areas.tracking.systems.state_space import StateSpace
from mbdl_repro.contract.method import Method


class StackedMethod(Method, ABC):
    """A method whose tensors may be stacked, so that several fits run as one batch.

    Maps x (n_rows, T, n), NaN where missing, to ŝ (n_rows, T, m).
    """

    def __init__(self, belief: StateSpace) -> None:
        super().__init__()
        self.n = belief.n

    @abstractmethod
    def states(
        self, x: Annotated[Tensor, "(..., rows, T, n)"]
    ) -> Annotated[Tensor, "(..., rows, T, m)"]:
        """Return the estimates (..., rows, T, m) of observations (..., rows, T, n).

        Of a stack of fits, both begin with an axis of members.
        """

    def forward(
        self, x: Annotated[Tensor, "(n_rows, T, n)"]
    ) -> Annotated[Tensor, "(n_rows, T, m)"]:
        """Return the estimates of the states (n_rows, T, m)."""
        check_observations(x, self.n)
        return self.states(x)

    def losses(
        self,
        x: Annotated[Tensor, "(members, rows, T, n)"],
        s: Annotated[Tensor, "(members, rows, T, m)"],
    ) -> Annotated[Tensor, "(members,)"]:
        """Return the loss of each fit of a stack, (members,).

        Args:
            x: observations, (members, rows, T, n), NaN where missing.
            s: the true states, (members, rows, T, m).
        """
        return (self.states(x) - s).square().flatten(-2).sum(-1).mean(-1)
