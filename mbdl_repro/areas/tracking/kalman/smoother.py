"""The Kalman smoother of a linear Gaussian model."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from mbdl_repro.areas.tracking.kalman.linear_filter import kalman_filter
from mbdl_repro.areas.tracking.kalman.model import LinearModel, steps
from mbdl_repro.areas.tracking.kalman.updates import (
    eliminated,
    innovation,
    only_seen,
    predicted_covariance,
)


class Smoothed(NamedTuple):
    """What is known of each state in the end: s_t | x_1 … x_T ~ N(mean, covariance), t = 0 … T.

    Covariances, the same for all rows, have no axis of rows.
    """

    means: Tensor  # (n_rows, T + 1, m), that of s_0 first
    covariances: Tensor  # (n_rows, T + 1, m, m) or (T + 1, m, m)
    lagged: Tensor  # Cov(s_t, s_{t−1}), (n_rows, T, m, m) or (T, m, m)

    def moments(self) -> tuple[Tensor, Tensor]:
        """Return means and variances of s_1 … s_T, (n_rows, T, m) each."""
        means = self.means[:, 1:]
        return means, self.covariances[..., 1:, :, :].diagonal(0, -2, -1).expand_as(means)


def kalman_smoother(x: Tensor, model: LinearModel[Tensor]) -> Smoothed:
    """Return the mean and covariance of each state, given all observations.

    After the Kalman filter, from t = T down, with λ_T = 0 and Λ_T = 0,

    ŝ_{t|T} = ŝ_t − P_t λ_t,  P_{t|T} = P_t − P_t Λ_t P_t
    λ_{t−1} = Fᵀ ((I − K_t H)ᵀ λ_t − Hᵀ S_t⁻¹ (x_t − H F ŝ_{t−1}))
    Λ_{t−1} = Fᵀ ((I − K_t H)ᵀ Λ_t (I − K_t H) + Hᵀ S_t⁻¹ H) F

    which is the smoother of Rauch, Tung and Striebel without its inverse of P_{t|t−1}, which
    may be singular.

    Args:
        x: observations, (n_rows, T, n), NaN where missing.
        model: the smoother's assumed model.

    Source: Bierman, 1973, the modified Bryson–Frazier smoother.
    """
    means, covariances = kalman_filter(x, model)
    n_rows, T, _ = x.shape
    complete = covariances.ndim == 3
    # Each list from t = 0 on, as matrices (m, m), or (n_rows, m, m) where rows differ.
    P = [model.cov_0, *covariances.unbind(-3)]
    s = [model.mean_0.expand(n_rows, -1)[:, None], *means[:, :, None].unbind(1)]
    matrices = list(zip(*(steps(matrix, T) for matrix in model[:4]), strict=True))
    eye = torch.eye(len(model.mean_0), dtype=x.dtype, device=x.device)
    gradient, information = torch.zeros_like(s[0]), torch.zeros_like(eye)
    smoothed, smoothed_covariances, lagged = [s[T]], [P[T]], []
    for t in range(T, 0, -1):
        F, H, V, W = matrices[t - 1]
        z = x[:, t - 1]
        if not complete:
            z, H, W = only_seen(z, H, W)
        before = predicted_covariance(P[t - 1], F, V)
        _, S, rounding = innovation(before, H, W)
        weighted, _ = eliminated(S, H, rounding)  # S⁻¹ H
        A = eye - before @ H.mT @ weighted
        e = z[:, None] - s[t - 1] @ F.mT @ H.mT
        gradient = gradient @ A - e @ weighted
        information = A.mT @ information @ A + H.mT @ weighted
        lagged.append((eye - before @ information) @ F @ P[t - 1])
        gradient, information = gradient @ F, F.mT @ information @ F
        smoothed.append(s[t - 1] - gradient @ P[t - 1])
        C = P[t - 1] - P[t - 1] @ information @ P[t - 1]
        smoothed_covariances.append((C + C.mT) / 2)
    if not complete:  # that of s_T, and of s_0 where nothing was seen, may lack the axis
        smoothed_covariances = [C.expand(n_rows, *eye.shape) for C in smoothed_covariances]
    return Smoothed(
        torch.cat(smoothed[::-1], 1),
        torch.stack(smoothed_covariances[::-1], -3),
        torch.stack(lagged[::-1], -3),
    )
