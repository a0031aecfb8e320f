"""The unscented Kalman filter."""

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
from mbdl_repro.areas.tracking.kalman.updates import only_seen, solved
from mbdl_repro.areas.tracking.systems.state_space import StateSpace


def sigma_spread(m: int, alpha: float, kappa: float) -> float:
    """Return α² (m + κ), the square of how many standard deviations points lie from the mean.

    Args:
        m: entries of the state.
        alpha: α.
        kappa: κ.

    Raises:
        ValueError: if it is not positive.
    """
    if m + kappa <= 0:
        raise ValueError(f"kappa is {kappa:g}: it must be larger than −m = −{m}")
    spread = alpha * alpha * (m + kappa)
    if spread <= 0:
        raise ValueError(f"alpha is {alpha:g}: its square is 0, and no point leaves the mean")
    return spread


def unscented_kalman(
    x: Annotated[Tensor, "(n_rows, T, n)"],
    belief: StateSpace,
    *,
    alpha: float = 1.0,
    beta: float = 0.0,
    kappa: float = 0.0,
    process_noise_scale: float = 1.0,
    observation_noise_scale: float = 1.0,
) -> Filtered:
    """Return the means and covariances of a Kalman filter that sends points through f and h.

    χ_0 = s,  χ_±i = s ± √(m + λ) Lᵢ,  L Lᵀ = P,  λ = α² (m + κ) − m

    Mean and covariance of s_t before the observation are those of f(χ), plus V; from them new
    points are taken, and of h(χ) come mean, covariance, plus W, and covariance with s_t. Angles
    are averaged as differences from that of χ_0. For a linear belief it is the Kalman filter.

    Args:
        x: (n_rows, T, n), NaN where missing.
        belief: f, h, V, W, and the mean and covariance of s_0.
        alpha: α, how far points lie from the mean.
        beta: β, added with 1 − α² to the weight of χ_0 in covariances; 2 for Gaussian states.
        kappa: κ > −m.
        process_noise_scale: what V is multiplied by.
        observation_noise_scale: what W is multiplied by.

    Raises:
        ValueError: if α² (m + κ) is not positive.
    """
    check_observations(x, belief.n)
    T, m = x.shape[1], belief.m
    spread = sigma_spread(m, alpha, kappa)
    noise = believed_noise(belief, x, process_noise_scale, observation_noise_scale)
    complete = not x.isnan().any()
    for_mean = x.new_full((2 * m + 1,), 1 / (2 * spread))
    for_mean[0] = 1 - m / spread
    for_covariance = for_mean.clone()
    for_covariance[0] += 1 - alpha**2 + beta
    places = 8 * m * torch.finfo(x.dtype).eps  # what rounding leaves of a difference
    seen_with = observation_covariances(belief, noise.W, T)
    s = noise.mean_0.expand(len(x), -1)
    P = noise.cov_0.expand(len(x), -1, -1)
    means, covariances = [], []
    for t, (x_t, V, W) in enumerate(zip(x.unbind(1), steps(noise.V, T), seen_with, strict=True), 1):
        moved = belief.f(_points(s, P, spread), t)  # (n_rows, 2m + 1, m)
        s = for_mean @ moved
        D = moved - s[:, None]
        P = _second_moment(D, for_covariance) + V
        points = _points(s, P, spread)
        seen = belief.h(points, t)
        E = belief.residual(seen, seen[:, :1])
        mean = for_mean @ E  # of what is seen, from that of χ_0
        E = E - mean[:, None]
        residual = belief.residual(x_t, seen[:, 0] + mean)
        if not complete:
            residual, E_seen, W = only_seen(residual, E.mT, W)
            E = E_seen.mT
        D = points - s[:, None]
        weighted = (for_covariance[:, None] * E).mT  # (n_rows, n, 2m + 1)
        S = weighted @ E + W
        of_size = S.diagonal(0, -2, -1) + places * seen[:, 0].square()
        K = solved(S, weighted @ D, places * of_size).mT
        s = s + (K @ residual[:, :, None])[:, :, 0]
        P = _second_moment(D - E @ K.mT, for_covariance) + K @ W @ K.mT
        P = (P + P.mT) / 2
        means.append(s)
        covariances.append(P)
    return Filtered(torch.stack(means, 1), torch.stack(covariances, 1))


def square_root(P: Tensor) -> Annotated[Tensor, "(..., k, k)"]:
    """Return L (..., k, k) with L Lᵀ = P, which may be singular: Cholesky's where there is one.

    Elsewhere it is along the principal axes of the correlations, so that an entry in a small unit
    keeps its digits. Of numbers that are infinite, or none, it is NaN.
    """
    L, failed = torch.linalg.cholesky_ex(P)
    if not failed.any():
        return L
    is_finite = P.isfinite().flatten(-2).all(-1)[..., None, None]
    std = P.diagonal(0, -2, -1).clamp_min(0).sqrt()
    unit = torch.where(std > 0, std, 1.0)
    correlations = P / unit[..., :, None] / unit[..., None, :]
    values, vectors = torch.linalg.eigh(torch.where(is_finite, correlations, 0.0))
    root = std[..., :, None] * vectors * values.clamp_min(0).sqrt()[..., None, :]
    root = torch.where(is_finite, root, torch.nan)
    return torch.where((failed > 0)[..., None, None], root, L)


def _points(s: Tensor, P: Tensor, spread: float) -> Tensor:
    """Return s, and s ± √spread Lᵢ (n_rows, 2m + 1, m)."""
    away = spread**0.5 * square_root(P).mT
    s = s[:, None]
    return torch.cat((s, s + away, s - away), 1)


def _second_moment(D: Tensor, weights: Tensor) -> Tensor:
    """Return Σ w d dᵀ (n_rows, m, m) of the deviations (n_rows, points, m)."""
    return (weights[:, None] * D).mT @ D
