"""The Kalman filter."""

from __future__ import annotations

from torch import Tensor

from mbdl_repro.areas.tracking.kalman.linear_filter import kalman_filter, kalman_rule
from mbdl_repro.areas.tracking.kalman.method import LinearMethod
from mbdl_repro.areas.tracking.kalman.model import LinearRule
from mbdl_repro.contract.method import Family


class KalmanFilter(LinearMethod):
    """The mean of each state, given the observations so far, in a linear Gaussian system.

    ŝ_t = F ŝ_{t−1} + K_t (x_t − H F ŝ_{t−1}),  K_t = P_{t|t−1} Hᵀ (H P_{t|t−1} Hᵀ + W)⁻¹

    with P_{t|t−1} = F P_{t−1} Fᵀ + V and P_t = (I − K_t H) P_{t|t−1} (I − K_t H)ᵀ + K_t W K_tᵀ.
    No estimator has less mean squared error where the belief is true.

    Maps x (n_rows, T, n), NaN where missing, to ŝ (n_rows, T, m).

    Source: Example 3.5; Kalman, 1960.
    """

    name = "kalman_filter"
    family = Family.MODEL_BASED

    def moments(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return means and variances of the states, given the observations up to each."""
        return kalman_filter(x, self.model()).moments()

    def linear_rule(self, T: int) -> LinearRule[Tensor]:
        """Return what the filter does over T steps where nothing is missing."""
        return kalman_rule(self.model(), T)
