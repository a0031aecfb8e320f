"""The Kalman filter with one gain, that of the limit."""

from __future__ import annotations

from typing import Annotated

from annotated_types import Gt
from torch import Tensor

from mbdl_repro.areas.tracking.state_space import StateSpace
from mbdl_repro.areas.tracking.updates import (
    Filtered,
    LinearRule,
    StoredModel,
    check_observations,
    filter_with_missing,
    linear_filter,
    linear_model,
    predicted_covariance,
    steady_state,
    variances,
)
from mbdl_repro.contract.method import Family, Method


class SteadyStateKalmanFilter(Method):
    """A filter that has the Kalman gain of the limit, t → ∞, from the first step on.

    ŝ_t = F ŝ_{t−1} + K (x_t − H F ŝ_{t−1}),  K = P Hᵀ (H P Hᵀ + W)⁻¹

    with P = F P Fᵀ − F P Hᵀ (H P Hᵀ + W)⁻¹ H P Fᵀ + V. A step costs two products of a matrix and
    a vector. Where an entry is missing, K is that of the others and of the same P.

    Args:
        belief: knows F, H, V, W, none of which varies, and the mean of the first state.
        process_noise_scale: factor on V, a variance.
        observation_noise_scale: factor on W.

    Maps x (n_rows, T, n), NaN where missing, to ŝ (n_rows, T, m).

    Source: Anderson and Moore, 1979, chapter 4.
    """

    name = "steady_state_kalman_filter"
    family = Family.MODEL_BASED

    gain: Tensor
    covariance: Tensor

    def __init__(
        self,
        belief: StateSpace,
        *,
        process_noise_scale: Annotated[float, Gt(0)] = 1.0,
        observation_noise_scale: Annotated[float, Gt(0)] = 1.0,
    ) -> None:
        super().__init__()
        model = linear_model(belief, process_noise_scale, observation_noise_scale)
        self.model = StoredModel(model)
        gain, covariance = steady_state(model)
        self.register_buffer("gain", gain)
        self.register_buffer("covariance", covariance)  # after the update

    def forward(self, x: Tensor) -> Tensor:
        """Return the estimates of the states."""
        return self._filter(x).means

    def linear_rule(self, T: int) -> LinearRule[Tensor]:
        """Return what the filter does over T steps where nothing is missing."""
        model = self.model()
        return LinearRule(model.F, model.H, self.gain.expand(T, -1, -1), model.mean_0)

    def claimed_variance(self, x: Tensor) -> Tensor:
        """Return the variance (n_rows, T, m) that it claims for each entry of its answer."""
        return variances(self._filter(x).covariances, len(x))

    def _filter(self, x: Tensor) -> Filtered:
        model = self.model()
        check_observations(x, len(model.H))
        if x.sum().isnan():
            return filter_with_missing(
                x, model, predicted_covariance(self.covariance, model.F, model.V)
            )
        means = linear_filter(x, self.gain, model)
        return Filtered(means, self.covariance.expand(x.shape[1], -1, -1))
