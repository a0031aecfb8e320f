"""Local extrema on grids of angles: where they are, which are highest, and between which points."""

from __future__ import annotations

import math
from typing import Annotated

import torch
from torch import Tensor


def is_peak(height: Tensor, *, circular: bool, dim: int = -1) -> Tensor:
    """Say of each point whether it is a local maximum, higher than the one before it.

    Of equal neighbours it is the first. What is not a number is none, nor makes its neighbour one.

    Args:
        height: of any shape.
        circular: the last point is a neighbour of the first; otherwise, an end is a maximum if its
            neighbour is lower.
        dim: along which points are neighbours.
    """
    before, after = _neighbours(height, circular=circular, dim=dim)
    return (height > before) & (height >= after)


def highest_peaks(
    height: Annotated[Tensor, "(rows, G)"], n: int, *, circular: bool
) -> tuple[Tensor, Tensor]:
    """Return the indices (rows, n) of the n highest local maxima, and whether there is one.

    Args:
        height: (rows, G).
        n: how many.
        circular: as of :func:`is_peak`.
    """
    tops = torch.where(is_peak(height, circular=circular), height, -math.inf)
    if n > tops.shape[-1]:
        none = tops.new_full((len(tops), n - tops.shape[-1]), -math.inf)
        tops = torch.cat([tops, none], -1)
    top, at = tops.topk(n, -1)
    there = top > -math.inf
    return torch.where(there, at, 0), there


def vertices(height: Annotated[Tensor, "(rows, G)"], at: Annotated[Tensor, "(rows, n)"]) -> Tensor:
    """Return where the parabolas through maxima and their two neighbours are highest, in steps.

    Args:
        height: (rows, G), on a grid that is no circle; its ends are left where they are.
        at: (rows, n), indices of local maxima.
    """
    before, after = _neighbours(height, circular=False, dim=-1)
    low, top, high = before.gather(-1, at), height.gather(-1, at), after.gather(-1, at)
    # Between −1/2 and 1/2, as neither neighbour is higher.
    vertex = 0.5 * (low - high) / (low - 2 * top + high)
    return at + torch.where(low.isfinite() & high.isfinite(), vertex, 0)


def centroids(
    weight: Annotated[Tensor, "(rows, G)"], at: Annotated[Tensor, "(rows, n)"], reach: int
) -> Tensor:
    """Return the mean places of what weighs around maxima, so many steps to each side, in steps.

    Args:
        weight: (rows, G), positive, on a circle.
        at: (rows, n), indices of maxima.
        reach: steps; the nearer end of a grid's other side counts on.
    """
    steps = torch.arange(-reach, reach + 1, device=at.device)
    around = (at[..., None] + steps) % weight.shape[-1]
    w = weight.gather(-1, around.flatten(-2)).view(around.shape)
    return at + (w * steps).sum(-1) / w.sum(-1)


def _neighbours(height: Tensor, *, circular: bool, dim: int) -> tuple[Tensor, Tensor]:
    """Return what stands before each point and after it; −∞ beyond an end."""
    before, after = height.roll(1, dim), height.roll(-1, dim)
    if not circular:
        before.select(dim, 0).fill_(-math.inf)
        after.select(dim, -1).fill_(-math.inf)
    return before, after
