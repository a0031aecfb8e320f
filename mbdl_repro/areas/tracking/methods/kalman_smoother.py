"""The Kalman smoother."""

from __future__ import annotations

from typing import Annotated

from annotated_types import Gt
from torch import Tensor

from mbdl_repro.areas.tracking.state_space import StateSpace
from mbdl_repro.areas.tracking.updates import StoredModel, kalman_smoother, linear_model, variances
from mbdl_repro.contract.method import Family, Method


class KalmanSmoother(Method):
    """The mean of each state, given all observations of its trajectory, those to come included.

    ŝ_{t|T} = E[s_t | x_1 … x_T]

    A filter answers at once; what may wait until the end has less error, and no estimator of
    any kind has less than this one where the belief is true. It is the smoother of Rauch, Tung
    and Striebel, in a form that inverts no covariance of the state.

    Args:
        belief: knows F, H, V, W and the law of the first state; each may vary in time.
        process_noise_scale: factor on V, a variance.
        observation_noise_scale: factor on W.

    Maps x (n_rows, T, n), NaN where missing, to ŝ (n_rows, T, m).

    Source: Rauch, Tung and Striebel, 1965; Bierman, 1973.
    """

    name = "kalman_smoother"
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
        return kalman_smoother(x, self.model()).means[:, 1:]

    def claimed_variance(self, x: Tensor) -> Tensor:
        """Return the variance (n_rows, T, m) that it claims for each entry of its answer."""
        return variances(kalman_smoother(x, self.model()).covariances[..., 1:, :, :], len(x))
