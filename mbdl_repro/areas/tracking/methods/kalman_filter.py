"""The Kalman filter."""

from __future__ import annotations

from typing import Annotated

from annotated_types import Gt
from torch import Tensor

from mbdl_repro.areas.tracking.state_space import StateSpace
from mbdl_repro.areas.tracking.updates import (
    LinearRule,
    StoredModel,
    constant_gains,
    kalman_filter,
    linear_model,
    variances,
)
from mbdl_repro.contract.method import Family, Method


class KalmanFilter(Method):
    """The mean of each state, given the observations so far, in a linear Gaussian system.

    ŝ_t = F ŝ_{t−1} + K_t (x_t − H F ŝ_{t−1}),  K_t = P_{t|t−1} Hᵀ (H P_{t|t−1} Hᵀ + W)⁻¹

    with P_{t|t−1} = F P_{t−1} Fᵀ + V and P_t = (I − K_t H) P_{t|t−1} (I − K_t H)ᵀ + K_t W K_tᵀ.
    No estimator has less mean squared error where the belief is true.

    Args:
        belief: knows F, H, V, W and the law of the first state; each may vary in time.
        process_noise_scale: factor on V, a variance. Where F or H is wrong, a larger V helps.
        observation_noise_scale: factor on W.

    Maps x (n_rows, T, n), NaN where missing, to ŝ (n_rows, T, m).

    Source: Example 3.5; Kalman, 1960.
    """

    name = "kalman_filter"
    family = Family.MODEL_BASED

    def __init__(
        self,
        belief: StateSpace,
        *,
        process_noise_scale: Annotated[float, Gt(0)] = 1.0,
        observation_noise_scale: Annotated[float, Gt(0)] = 1.0,
    ) -> None:
        super().__init__()
        self.model = StoredModel(linear_model(belief, process_noise_scale, observation_noise_scale))

    def forward(self, x: Tensor) -> Tensor:
        """Return the estimates of the states."""
        return kalman_filter(x, self.model()).means

    def linear_rule(self, T: int) -> LinearRule[Tensor]:
        """Return what the filter does over T steps where nothing is missing."""
        model = self.model()
        return LinearRule(model.F, model.H, constant_gains(model, T)[0], model.mean_0)

    def claimed_variance(self, x: Tensor) -> Tensor:
        """Return the variance (n_rows, T, m) that it claims for each entry of its answer."""
        return variances(kalman_filter(x, self.model()).covariances, len(x))
