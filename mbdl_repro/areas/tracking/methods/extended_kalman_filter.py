"""The extended Kalman filter: the model linearized where the state is believed to be."""

from __future__ import annotations

from typing import Annotated

from annotated_types import Gt
from torch import Tensor

from mbdl_repro.areas.tracking.nonlinear import extended_kalman
from mbdl_repro.areas.tracking.nonlinear_filter import NonlinearFilter
from mbdl_repro.areas.tracking.state_space import StateSpace
from mbdl_repro.areas.tracking.updates import Filtered
from mbdl_repro.contract.method import Family


class ExtendedKalmanFilter(NonlinearFilter):
    """Kalman filter of the model linearized anew at each step, by its true Jacobians.

    s̄ = f(s_{t−1}),  P̄ = F P Fᵀ + V,  K = P̄ Hᵀ (H P̄ Hᵀ + W)⁻¹,  s_t = s̄ + K (x_t − h(s̄))

    with F = ∂f/∂s at s_{t−1} and H = ∂h/∂s at s̄. Where f(s) = A(s) s, A(s) is not its Jacobian,
    and in its place costs 0.4 dB on the Lorenz attractor.

    Args:
        belief: knows f, h, V, W, and the mean and covariance of s_0.
        process_noise_scale: what V, a covariance, is multiplied by; larger than 1 where f is
            not quite right.
        observation_noise_scale: what W, a covariance, is multiplied by.

    Source: Section 3.3; Revach et al., 2022.
    """

    name = "extended_kalman_filter"
    family = Family.MODEL_BASED

    def __init__(
        self,
        belief: StateSpace,
        *,
        process_noise_scale: Annotated[float, Gt(0)] = 1.0,
        observation_noise_scale: Annotated[float, Gt(0)] = 1.0,
    ) -> None:
        super().__init__(belief, process_noise_scale, observation_noise_scale)

    def filtered(self, x: Tensor) -> Filtered:
        """Return the means and covariances of the model linearized at each step."""
        return extended_kalman(
            x,
            self.belief,
            process_noise_scale=self.process_noise_scale,
            observation_noise_scale=self.observation_noise_scale,
        )
