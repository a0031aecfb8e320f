"""Model predictive control by projected gradient steps with momentum: FISTA on each plan."""

from __future__ import annotations

from typing import Annotated, Any

from annotated_types import Ge, Gt

from mbdl_repro.areas.tracking.control.plans import settled
from mbdl_repro.areas.tracking.control.predictive import PredictiveController
from mbdl_repro.areas.tracking.systems.state_space import StateSpace
from mbdl_repro.contract.method import Family


class Mpc(PredictiveController):
    """A Kalman filter, and K projected gradient steps on the next inputs at each measurement.

    U ← clip(V − μ (C_t V + D_t ŝ_t)),  V ← U + β_k (U − the U before),  u_t: the first of U

    Many steps give the best plan within the limit, up to what the future adds to be known; few
    are what is affordable between two measurements. It is tuned on the cost in the believed plant.

    Args:
        belief: a controlled system: the plant, what disturbs it, and the limit.
        step: μ, in units of 1/L, L the largest curvature of what a plan costs.
        momentum: β, the same after each step; ``None``: FISTA's, which grows.

    Maps measurements x (n_rows, T, n) of recorded experiments to ŝ (n_rows, T, m).

    Source: textbook; Beck and Teboulle, 2009, for FISTA.
    """

    name = "mpc"
    family = Family.MODEL_BASED

    def __init__(
        self,
        belief: StateSpace,
        *,
        step: Annotated[float, Gt(0)] = 1.0,
        momentum: Annotated[float, Ge(0)] | None = None,
        **settings: Any,
    ) -> None:
        super().__init__(belief, **settings)
        self.step, self.momentum = step, momentum

    def steps(self) -> list[float]:
        """Return μ, K times."""
        return [self.step] * self.n_iterations

    def extrapolations(self) -> list[float]:
        """Return β_1 … β_{K−1}."""
        return settled(self.momentum, self.n_iterations)
