"""The unscented Kalman filter: a few points in place of a linearization."""

from __future__ import annotations

from typing import Annotated, Any

from annotated_types import Gt
from torch import Tensor

from mbdl_repro.areas.tracking.kalman.nonlinear_filter import NonlinearFilter
from mbdl_repro.areas.tracking.kalman.unscented import sigma_spread, unscented_kalman
from mbdl_repro.areas.tracking.systems.state_space import StateSpace
from mbdl_repro.contract.method import Family


class UnscentedKalmanFilter(NonlinearFilter):
    """Kalman filter whose means and covariances are those of 2m + 1 points sent through f and h.

    χ_0 = s,  χ_±i = s ± √(α² (m + κ)) Lᵢ,  L Lᵀ = P

    As it stands (α = 1, β = κ = 0) the central point weighs nothing, no weight is negative, and
    it is the cubature filter; α = 1, β = 0, κ = 3 − m matches fourth moments of one entry. A
    central point of negative weight, small α, can make a covariance indefinite.

    Args:
        alpha: α, how far the points lie from the mean.
        beta: β, what is added, with 1 − α², to the central point's weight in covariances.
        kappa: κ, larger than −m.

    Maps x (n_rows, T, n), NaN where missing, to ŝ (n_rows, T, m).

    Source: Julier and Uhlmann, 1997; Wan and van der Merwe, 2000.
    """

    name = "unscented_kalman_filter"
    family = Family.MODEL_BASED

    def __init__(
        self,
        belief: StateSpace,
        *,
        alpha: Annotated[float, Gt(0)] = 1.0,
        beta: float = 0.0,
        kappa: float = 0.0,
        **settings: Any,
    ) -> None:
        super().__init__(belief, **settings)
        sigma_spread(belief.m, alpha, kappa)
        self.points = {"alpha": alpha, "beta": beta, "kappa": kappa}

    def moments(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return means and variances of the states."""
        return unscented_kalman(x, self.belief, **self.points, **self.scales).moments()
