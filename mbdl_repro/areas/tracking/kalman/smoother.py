"""The Kalman smoother of a linear Gaussian model."""

from __future__ import annotations

from typing import Annotated, NamedTuple

import torch
from torch import Tensor

from mbdl_repro.areas.tracking.kalman.linear_filter import kalman_filter
from mbdl_repro.areas.tracking.kalman.model import LinearModel, stacked
from mbdl_repro.areas.tracking.kalman.riccati import looking_back
from mbdl_repro.areas.tracking.kalman.updates import only_seen, predicted_covariance


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


def kalman_smoother(x: Annotated[Tensor, "(n_rows, T, n)"], model: LinearModel[Tensor]) -> Smoothed:
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
    m = len(model.mean_0)
    F, H, V, W = stacked(model, T)
    if covariances.ndim == 4:  # rows differ in what is missing
        x, H, W = only_seen(x, H, W)
    P_0 = model.cov_0.expand(*covariances.shape[:-3], 1, m, m)
    P = torch.cat((P_0, covariances), -3)
    s = torch.cat((model.mean_0.expand(n_rows, 1, m), means), 1)
    weighted, A, information = looking_back(F, H, V, W, P)
    e = x - _of_each_step(s[:, :-1], F.mT @ H.mT)
    told, onward = _of_each_step(e, weighted @ F), A @ F
    gradients = [torch.zeros_like(told[:, 0])]  # λ_T, λ_{T−1}, …, as rows
    for t in reversed(range(T)):
        gradients.append(_of_each_row(gradients[-1], onward[..., t, :, :]) - told[:, t])
    smoothed = s - _of_each_step(torch.stack(gradients[::-1]).transpose(0, 1), P)
    C = P - P @ information @ P
    of_all = H.mT @ weighted + A.mT @ information[..., 1:, :, :] @ A
    past = P[..., :-1, :, :]
    moved = F @ past
    lagged = moved - predicted_covariance(past, F, V) @ of_all @ moved
    return Smoothed(smoothed, (C + C.mT) / 2, lagged)


def _of_each_step(rows: Tensor, matrices: Tensor) -> Tensor:
    """Return vectors (n_rows, T, k), as rows, times matrices (T, k, l) or (n_rows, T, k, l)."""
    if matrices.ndim == 3:  # one product a step, of all rows
        return (rows.transpose(0, 1) @ matrices).transpose(0, 1)
    return (rows[..., None, :] @ matrices)[..., 0, :]


def _of_each_row(rows: Tensor, matrices: Tensor) -> Tensor:
    """Return vectors (n_rows, k), as rows, times a matrix (k, l), or one each (n_rows, k, l)."""
    return rows @ matrices if matrices.ndim == 2 else (rows[:, None] @ matrices)[:, 0]
