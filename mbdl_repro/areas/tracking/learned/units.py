"""Units in which networks see data, and answer: how large these are in training."""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor


def unit_or_one(value: Tensor) -> Tensor:
    """Return a positive number as it is, and 1 in place of any other."""
    return torch.where(value.isfinite() & (value > 0), value, 1.0)


def root_mean_square(differences: Annotated[Tensor, "(·, ·, k)"]) -> Annotated[Tensor, "(k,)"]:
    """Return the root mean square (k,) of each entry of differences (·, ·, k); 1 in place of 0."""
    return unit_or_one(differences.square().flatten(0, 1).mean(0).sqrt())
