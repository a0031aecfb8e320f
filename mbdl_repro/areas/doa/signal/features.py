"""Power taken off, and what networks see of the snapshots: a covariance, or lags, to scale.

What is made of snapshots of unit power does not depend on the unit in which they are given.
"""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor

from mbdl_repro.areas.doa.signal.covariance import (
    ROWS,
    check_snapshots,
    row_power,
    sample_covariance,
)


def mean_power(R: Annotated[Tensor, "(n, L, L)"]) -> Annotated[Tensor, "(n, 1, 1)"]:
    """Return tr R / L (n, 1, 1), the mean power at a sensor, of covariances (n, L, L)."""
    return R.diagonal(dim1=-2, dim2=-1).real.mean(-1)[:, None, None]


def unit_power(x: Tensor) -> Annotated[Tensor, "(n, N, T)"]:
    """Return snapshots (n, N, T) divided by the root of their mean power.

    A row of zeros stays one; one whose power is not finite is NaN.
    """
    power = row_power(x) / x[0].numel()
    power = torch.where(power.isfinite(), power, torch.nan)
    size = torch.where(power == 0, 1, power).sqrt()
    return x / size.to(x.real.dtype)[:, None, None]


def scaled_covariance(
    x: Annotated[Tensor, "(n, N, T)"], n_sensors: int
) -> Annotated[Tensor, "(n, N, N)"]:
    """Return R / (tr R / N), of R = X Xᴴ / T (n, N, N), of snapshots (n, N, T); 0 where all are.

    Args:
        x: snapshots (n, N, T), complex.
        n_sensors: N, which x is checked to have.

    Returns:
        (n, N, N), complex, in double precision, with a diagonal of mean 1.

    Raises:
        ValueError: as :func:`~mbdl_repro.areas.doa.signal.covariance.check_snapshots`.
    """
    parts = (check_snapshots(some, n_sensors) for some in x.split(ROWS))
    return torch.cat([sample_covariance(unit_power(some)) for some in parts])


def lag_features(
    x: Annotated[Tensor, "(n, N, T)"], lags: int
) -> Annotated[Tensor, "(n, lags, 2N, N)"]:
    """Return R[l] = Σ_t x_t x_{t+l}ᴴ / (T − l) of l = 0 … lags − 1, real over imaginary parts.

    They are of snapshots of unit power, so that the unit in which these are given means nothing,
    and another SNR changes features little. (The published code leaves the power in, and takes a
    mean over sensors and snapshots off, which no source has.)

    Args:
        x: snapshots (n, N, T).
        lags: how many.

    Returns:
        (n, lags, 2N, N), real, in the precision of x.

    Raises:
        ValueError: if there are fewer snapshots than lags.
    """
    T = x.shape[-1]
    if lags > T:
        raise ValueError(f"lags is {lags}: allowed is 1 to {T}, the number of snapshots")
    return torch.cat([_lag_features(some, lags) for some in x.split(ROWS)])


def _lag_features(x: Tensor, lags: int) -> Tensor:
    N, T = x.shape[1:]
    x = unit_power(x)
    # Products of small complex matrices take twice as long as those of their real parts.
    z = torch.cat([x.real, x.imag], 1)
    G = torch.stack([z[..., : T - k] @ z[..., k:].mT / (T - k) for k in range(lags)], 1)
    (rr, ri), (ir, ii) = (part.split(N, -1) for part in G.split(N, -2))
    return torch.cat([rr + ii, ir - ri], 2)


def centre_and_spread(features: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean and the standard deviation over rows; 1 where it is 0."""
    spread = features.std(0, correction=0)
    # A diagonal that is the same in all rows up to rounding tells nothing, and stays that small.
    return features.mean(0), torch.where(spread > 1e-9, spread, 1)
