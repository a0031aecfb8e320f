"""Weights of an array that looks straight ahead, where the steering vector is 1."""

from __future__ import annotations

from typing import Annotated

import numpy as np
import torch
from scipy.signal.windows import taylor
from torch import Tensor


def beamformed(
    w: Annotated[Tensor, "(n, N)"], x: Annotated[Tensor, "(n, N, T)"]
) -> Annotated[Tensor, "(n, T)"]:
    """Return wᴴ x_t (n, T).

    Args:
        w: weights (n, N), or (1, N) of all rows.
        x: snapshots (n, N, T).
    """
    return (w.conj()[..., None] * x).sum(1)


def distortionless(w: Annotated[Tensor, "(..., N)"]) -> Annotated[Tensor, "(..., N)"]:
    """Return the nearest weights (..., N) with wᴴ 1 = 1: w + 1 (1 − 1ᵀw) / N.

    Args:
        w: any weights (..., N).
    """
    return w + (1 - w.sum(-1, keepdim=True)) / w.shape[-1]


def mvdr_weights(R: Annotated[Tensor, "(..., L, L)"]) -> Annotated[Tensor, "(..., L)"]:
    """Return the weights (..., L) of least power wᴴ R w among those with wᴴ 1 = 1.

    w = R⁻¹ 1 / (1ᵀ R⁻¹ 1)

    Args:
        R: covariances (..., L, L), Hermitian and with an inverse.
    """
    ones = R.new_ones(*R.shape[:-1], 1)
    w = torch.cholesky_solve(ones, torch.linalg.cholesky(R))[..., 0]
    return w / w.sum(-1, keepdim=True)


def smoothed_covariance(
    x: Annotated[Tensor, "(n, N, T)"], subarray: int
) -> Annotated[Tensor, "(n, L, L)"]:
    """Return the mean covariance (n, L, L) of all runs of L sensors, forwards and backwards.

    R = mean over t and m of x_m x_mᴴ, with x_m sensors m … m + L − 1 of x_t; then (R + J R* J) / 2

    Args:
        x: snapshots (n, N, T).
        subarray: L, at most N.
    """
    runs = x.unfold(1, subarray, 1).flatten(1, 2)  # (n, runs T, L)
    R = runs.mT @ runs.conj() / runs.shape[1]
    return (R + R.conj().flip(1, 2)) / 2


def loaded(R: Annotated[Tensor, "(..., L, L)"], loading: float) -> Annotated[Tensor, "(..., L, L)"]:
    """Return R + δ (tr R / L) I, which has an inverse.

    Args:
        R: covariances (..., L, L).
        loading: δ.
    """
    power = R.diagonal(dim1=-2, dim2=-1).real.mean(-1)[..., None, None]
    return R + loading * power * torch.eye(R.shape[-1], dtype=R.dtype, device=R.device)


def over_runs(w: Annotated[Tensor, "(n, L)"], n_sensors: int) -> Annotated[Tensor, "(n, N)"]:
    """Return the weights (n, N) of the mean of what weights of L sensors make of each run of them.

    Args:
        w: weights of a run (n, L).
        n_sensors: N.
    """
    n_runs = n_sensors - w.shape[1] + 1
    whole = w.new_zeros(len(w), n_sensors)
    for m in range(n_runs):
        whole[:, m : m + w.shape[1]] += w
    return whole / n_runs


def taylor_taper(n_sensors: int, sidelobe_db: float) -> Annotated[np.ndarray, "(N,)"]:
    """Return real weights (N,) of sum 1 whose nearest side lobes lie so far below the main one.

    Args:
        n_sensors: N.
        sidelobe_db: by how many dB.

    Source: Taylor, 1955; four side lobes are level.
    """
    taper: np.ndarray = taylor(n_sensors, sll=sidelobe_db)
    return taper / taper.sum()
