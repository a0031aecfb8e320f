"""The extended Kalman filter."""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor

from mbdl_repro.areas.tracking.kalman.linear_filter import Filtered, check_observations
from mbdl_repro.areas.tracking.kalman.model import steps
from mbdl_repro.areas.tracking.kalman.nonlinear_filter import (
    believed_noise,
    observation_covariances,
)
from mbdl_repro.areas.tracking.kalman.updates import (
    kalman_gain,
    only_seen,
    predicted_covariance,
    updated_covariance,
)
from mbdl_repro.areas.tracking.systems.state_space import StateSpace


def extended_kalman(
    x: Annotated[Tensor, "(n_rows, T, n)"],
    belief: StateSpace,
    *,
    process_noise_scale: float = 1.0,
    observation_noise_scale: float = 1.0,
    H: Annotated[Tensor, "(n, m)"] | None = None,
) -> Filtered:
    """Return the means and covariances of a Kalman filter of the model linearized at each step.

    s̄ = f(s_{t−1}),  P̄ = F P_{t−1} Fᵀ + V,  s_t = s̄ + K (x_t − h(s̄)),  P_t by Joseph's form

    with F = ∂f/∂s at s_{t−1}, H = ∂h/∂s at s̄, and K = P̄ Hᵀ (H P̄ Hᵀ + W)⁻¹. For a linear
    belief it is the Kalman filter. Angles among observations are subtracted as angles.

    Args:
        x: (n_rows, T, n), NaN where missing.
        belief: f, h, V, W, and the mean and covariance of s_0.
        process_noise_scale: what V is multiplied by.
        observation_noise_scale: what W is multiplied by.
        H: (n, m), a linear observation in place of the belief's h, whatever that is.
    """
    check_observations(x, belief.n)
    T = x.shape[1]
    noise = believed_noise(belief, x, process_noise_scale, observation_noise_scale)
    complete = not x.isnan().any()
    seen_with = observation_covariances(belief, noise.W, T)
    s = noise.mean_0.expand(len(x), -1)
    P = noise.cov_0.expand(len(x), -1, -1)
    means, covariances = [], []
    for t, (x_t, V, W) in enumerate(zip(x.unbind(1), steps(noise.V, T), seen_with, strict=True), 1):
        F = belief.f_jacobian(s, t)
        s = belief.f(s, t)
        P = predicted_covariance(P, F, V)
        if H is None:
            H_t = belief.h_jacobian(s, t)
            residual = belief.residual(x_t, belief.h(s, t))
        else:
            H_t = H
            residual = x_t - s @ H.mT
        if not complete:
            residual, H_t, W = only_seen(residual, H_t, W)
        K = kalman_gain(P, H_t, W)
        s = s + (K @ residual[:, :, None])[:, :, 0]
        P = updated_covariance(P, K, H_t, W)
        means.append(s)
        covariances.append(P)
    return Filtered(torch.stack(means, 1), torch.stack(covariances, 1))
