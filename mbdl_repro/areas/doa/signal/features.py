"""What networks see of the snapshots that know nothing of the array: their covariance, to scale."""

from __future__ import annotations

import torch
from torch import Tensor

from mbdl_repro.areas.doa.signal.subspace import check_snapshots, sample_covariance

ROWS = 2048
"""Rows whose snapshots are in double precision at a time."""


def scaled_covariance(x: Tensor, n_sensors: int) -> Tensor:
    """Return R / (tr R / N), of R = X Xᴴ / T (n, N, N), of snapshots (n, N, T); 0 where all are.

    Args:
        x: snapshots (n, N, T), complex.
        n_sensors: N, which x is checked to have.

    Returns:
        (n, N, N), complex, in double precision, with a diagonal of mean 1.

    Raises:
        ValueError: as :func:`~mbdl_repro.areas.doa.signal.subspace.check_snapshots`.
    """
    return torch.cat([_scaled(check_snapshots(some, n_sensors)) for some in x.split(ROWS)])


def _scaled(x: Tensor) -> Tensor:
    R = sample_covariance(x)
    power = R.diagonal(dim1=-2, dim2=-1).real.mean(-1)[:, None, None]
    return torch.where(power > 0, R / torch.where(power > 0, power, 1), 0)


def centre_and_spread(features: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean and the standard deviation over rows; 1 where it is 0."""
    spread = features.std(0, correction=0)
    # A diagonal that is the same in all rows up to rounding tells nothing, and stays that small.
    return features.mean(0), torch.where(spread > 1e-9, spread, 1)
