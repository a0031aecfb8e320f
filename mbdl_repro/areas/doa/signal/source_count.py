"""How many sources there are, by the eigenvalues of a covariance."""

from __future__ import annotations

import math
from typing import Annotated, Literal

import torch
from torch import Tensor

Criterion = Literal["aic", "mdl"]


def count_sources(
    eigenvalues: Annotated[Tensor, "(n, L)"], n_snapshots: int, criterion: Criterion
) -> Annotated[Tensor, "(n,)"]:
    """Return the k (n,) in 0 … L − 1 of least criterion: log-likelihood, and a price of parameters.

    AIC  −T (L − k) ln(g_k / a_k) + k (2L − k)
    MDL  −T (L − k) ln(g_k / a_k) + k (2L − k) ln(T) / 2

    g_k and a_k are the geometric and the arithmetic mean of the L − k smallest eigenvalues. Where
    all are zero, or some are not finite, k is 0.

    Args:
        eigenvalues: (n, L), of any order, positive.
        n_snapshots: T.
        criterion: ``aic`` or ``mdl``.

    Source: Wax and Kailath, 1985.
    """
    L = eigenvalues.shape[-1]
    rising = eigenvalues.sort(-1).values
    # What rounding leaves of zeros has no logarithm to speak of.
    least = torch.finfo(rising.dtype).tiny + 1e-14 * rising[:, -1:].clamp_min(0)
    rising = rising.maximum(least)
    sizes = torch.arange(1, L + 1, dtype=rising.dtype, device=rising.device)  # L − k
    log_ratio = rising.log().cumsum(-1) / sizes - (rising.cumsum(-1) / sizes).log()
    k = L - sizes
    price = k * (2 * L - k)
    if criterion == "mdl":
        price = price * math.log(n_snapshots) / 2
    criteria = -n_snapshots * sizes * log_ratio + price
    k = L - 1 - criteria.argmin(-1)
    return torch.where(criteria.isfinite().all(-1), k, 0)
