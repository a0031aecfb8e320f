"""Matrices of a model, fitted by least squares."""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor


def regression(
    given: Annotated[Tensor, "(N, k)"], target: Annotated[Tensor, "(N, l)"]
) -> Annotated[Tensor, "(l, k)"]:
    """Return the matrix of least squares (l, k), of least norm.

    arg min Σ ‖y − A z‖² over the entries of y that are seen; a row of A for each entry of y

    Args:
        given: vectors z, (N, k).
        target: vectors y, (N, l), NaN where an entry is missing.

    Raises:
        ValueError: if an entry is never seen.
    """
    seen = ~target.isnan()
    if seen.all():
        return _solve(given, target)
    if not seen.any(0).all():
        raise ValueError("an entry of the observations is missing from all training data")
    rows = [
        _solve(given[ok], column[ok, None]) for ok, column in zip(seen.mT, target.mT, strict=True)
    ]
    return torch.cat(rows)


def _solve(given: Tensor, target: Tensor) -> Tensor:
    # By singular values: whatever directions of the state the data do not reach get 0.
    return (torch.linalg.pinv(given) @ target).mT
