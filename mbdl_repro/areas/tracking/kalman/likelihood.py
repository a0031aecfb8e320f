"""How likely observations are to a linear Gaussian model."""

from __future__ import annotations

import math
from typing import Annotated

import torch
from torch import Tensor

from mbdl_repro.areas.tracking.kalman.linear_filter import kalman_filter
from mbdl_repro.areas.tracking.kalman.model import LinearModel, stacked
from mbdl_repro.areas.tracking.kalman.updates import (
    eliminated,
    innovation,
    only_seen,
    predicted_covariance,
)


def negative_log_likelihood(
    x: Annotated[Tensor, "(n_rows, T, n)"], model: LinearModel[Tensor]
) -> Annotated[Tensor, "(n_rows,)"]:
    """Return −log p(x_1 … x_T) of each row (n_rows,), of its seen entries, in nats.

    Σ_t ½ (eᵀ S⁻¹ e + log det 2πS),  e = x_t − H F ŝ_{t−1},  S = H P_{t|t−1} Hᵀ + W

    An entry that is certain before it is seen says nothing, and is left out as a missing one is.

    Args:
        x: observations, (n_rows, T, n), NaN where missing.
        model: the assumed model.
    """
    n_rows, T, n = x.shape
    means, covariances = kalman_filter(x, model)
    F, H, V, W = stacked(model, T)
    m = F.shape[-1]
    start = model.mean_0.expand(n_rows, 1, m)
    predicted = torch.cat((start, means[:, :-1]), 1)[..., None, :] @ F.mT @ H.mT
    P_0 = model.cov_0.expand(*covariances.shape[:-3], 1, m, m)
    P = predicted_covariance(torch.cat((P_0, covariances[..., :-1, :, :]), -3), F, V)
    e = x - predicted[..., 0, :]
    seen = ~e.isnan()
    if covariances.ndim == 4:
        e, H, W = only_seen(e, H, W)
    _, S, rounding = innovation(P, H, W)
    eye = torch.eye(n, dtype=x.dtype, device=x.device)
    inverse, variances = eliminated(S, eye, rounding)  # (T, n, n), or (n_rows, T, n, n)
    squares = ((e[..., None, :] @ inverse)[..., 0, :] * e).sum(-1)
    told = variances > 0
    log_det = torch.where(told, variances, 1.0).log().sum(-1)
    count = (seen & told).sum(-1).to(x.dtype) * math.log(2 * math.pi)
    return (0.5 * (squares + log_det + count)).sum(1)
