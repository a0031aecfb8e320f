"""The extended Kalman filter: the model linearized where the state is believed to be."""

from __future__ import annotations

from torch import Tensor

from mbdl_repro.areas.tracking.kalman.extended import extended_kalman
from mbdl_repro.areas.tracking.kalman.nonlinear_filter import NonlinearFilter
from mbdl_repro.contract.method import Family


class ExtendedKalmanFilter(NonlinearFilter):
    """Kalman filter of the model linearized anew at each step, by its true Jacobians.

    s̄ = f(s_{t−1}),  P̄ = F P Fᵀ + V,  K = P̄ Hᵀ (H P̄ Hᵀ + W)⁻¹,  s_t = s̄ + K (x_t − h(s̄))

    with F = ∂f/∂s at s_{t−1} and H = ∂h/∂s at s̄. Where f(s) = A(s) s, A(s) is not its Jacobian,
    and in its place costs 0.4 dB on the Lorenz attractor.

    Maps x (n_rows, T, n), NaN where missing, to ŝ (n_rows, T, m).

    Source: Section 3.3; Revach et al., 2022.
    """

    name = "extended_kalman_filter"
    family = Family.MODEL_BASED

    def moments(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return means and variances of the model linearized at each step."""
        return extended_kalman(x, self.belief, **self.scales).moments()
