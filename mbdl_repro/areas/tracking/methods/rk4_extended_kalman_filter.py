"""The extended Kalman filter of a flow that is integrated by a Runge–Kutta step."""

from __future__ import annotations

from typing import Annotated, Any

from annotated_types import Ge
from torch import Tensor

from mbdl_repro.areas.tracking.kalman.extended import extended_kalman
from mbdl_repro.areas.tracking.kalman.nonlinear_filter import NonlinearFilter
from mbdl_repro.areas.tracking.systems.lorenz import Lorenz
from mbdl_repro.areas.tracking.systems.state_space import StateSpace
from mbdl_repro.contract.method import Family


class Rk4ExtendedKalmanFilter(NonlinearFilter):
    """Extended Kalman filter that takes Runge–Kutta steps of the differential equation it knows.

    s̄ = s + Δτ (k₁ + 2k₂ + 2k₃ + k₄)/6,  kᵢ slopes of ds/dτ = A(s) s along the step

    The order of the believed Taylor series does not matter to it, and neither do data: it shows
    how much of a model's error is that of its integrator, whose A is held over the step.

    Args:
        belief: knows the Lorenz attractor's h, V, W, and the mean and covariance of s_0.
        substeps: Runge–Kutta steps between two observations.

    Maps x (n_rows, T, n), NaN where missing, to ŝ (n_rows, T, m).

    Source: ours, as a baseline for Revach et al., 2022, section IV-D3.
    """

    name = "rk4_extended_kalman_filter"
    family = Family.MODEL_BASED

    def __init__(
        self, belief: StateSpace, *, substeps: Annotated[int, Ge(1)] = 1, **settings: Any
    ) -> None:
        if not isinstance(belief, Lorenz):
            raise ValueError(
                f"the scenario is {type(belief).__name__}, which has no flow to integrate: "
                "only Lorenz is given as a differential equation"
            )
        flow = belief.believed(integrator="runge_kutta", substeps=substeps)
        super().__init__(flow, **settings)

    def moments(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return means and variances of the model linearized at each step."""
        return extended_kalman(x, self.belief, **self.scales).moments()
