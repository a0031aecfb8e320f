"""The Kalman filter with one gain, that of the limit."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from mbdl_repro.areas.tracking.kalman.linear_filter import (
    check_observations,
    filter_with_missing,
    linear_filter,
    steady_state,
)
from mbdl_repro.areas.tracking.kalman.method import LinearMethod
from mbdl_repro.areas.tracking.kalman.model import LinearRule
from mbdl_repro.areas.tracking.kalman.updates import predicted_covariance
from mbdl_repro.areas.tracking.systems.state_space import StateSpace
from mbdl_repro.contract.method import Family


class SteadyStateKalmanFilter(LinearMethod):
    """A filter that uses the limit of the Kalman gain, t → ∞, from the first step on.

    ŝ_t = F ŝ_{t−1} + K (x_t − H F ŝ_{t−1}),  K = P Hᵀ (H P Hᵀ + W)⁻¹

    with P = F P Fᵀ − F P Hᵀ (H P Hᵀ + W)⁻¹ H P Fᵀ + V. A step costs two products of a matrix and
    a vector. Where an entry is missing, K is that of the others and of the same P.

    Args:
        belief: knows F, H, V, W, none of which varies, and the law of the first state.

    Maps x (n_rows, T, n), NaN where missing, to ŝ (n_rows, T, m).

    Source: Anderson and Moore, 1979, chapter 4.
    """

    name = "steady_state_kalman_filter"
    family = Family.MODEL_BASED

    gain: Tensor
    covariance: Tensor

    def __init__(self, belief: StateSpace, **settings: Any) -> None:
        super().__init__(belief, **settings)
        gain, covariance = steady_state(self.model())
        self.register_buffer("gain", gain)
        self.register_buffer("covariance", covariance)  # after the update

    def linear_rule(self, T: int) -> LinearRule[Tensor]:
        """Return what the filter does over T steps where nothing is missing."""
        model = self.model()
        return LinearRule(model.F, model.H, self.gain.expand(T, -1, -1), model.mean_0)

    def moments(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return means and variances of the states (n_rows, T, m)."""
        model = self.model()
        check_observations(x, len(model.H))
        if x.sum().isnan():
            before = predicted_covariance(self.covariance, model.F, model.V)
            return filter_with_missing(x, model, before).moments()
        means = linear_filter(x, self.gain, model)
        return means, self.covariance.diagonal().expand_as(means)
