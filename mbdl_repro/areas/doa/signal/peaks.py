"""Peaks of what is known on a grid of angles alone."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def highest_peaks(height: Tensor, n: int, *, circular: bool) -> tuple[Tensor, Tensor]:
    """Return the indices (rows, n) of the n highest local maxima, and whether there is one.

    Args:
        height: (rows, G).
        n: how many.
        circular: the last point is a neighbour of the first; otherwise, an end is a maximum if its
            neighbour is lower.
    """
    before, after = _neighbours(height, circular=circular)
    tops = torch.where((height > before) & (height >= after), height, -math.inf)
    if n > tops.shape[-1]:
        none = tops.new_full((len(tops), n - tops.shape[-1]), -math.inf)
        tops = torch.cat([tops, none], -1)
    top, at = tops.topk(n, -1)
    there = top > -math.inf
    return torch.where(there, at, 0), there


def vertices(height: Tensor, at: Tensor) -> Tensor:
    """Return where the parabolas through maxima and their two neighbours are highest, in steps.

    Args:
        height: (rows, G), on a grid that is no circle; its ends are left where they are.
        at: (rows, n), indices of local maxima.
    """
    before, after = _neighbours(height, circular=False)
    low, top, high = before.gather(-1, at), height.gather(-1, at), after.gather(-1, at)
    # Between −1/2 and 1/2, as neither neighbour is higher.
    vertex = 0.5 * (low - high) / (low - 2 * top + high)
    return at + torch.where(low.isfinite() & high.isfinite(), vertex, 0)


def centroids(weight: Tensor, at: Tensor, reach: int) -> Tensor:
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


def _neighbours(height: Tensor, *, circular: bool) -> tuple[Tensor, Tensor]:
    """Return what stands before each point and after it; −∞ beyond an end."""
    if circular:
        return height.roll(1, -1), height.roll(-1, -1)
    padding = height.new_full((len(height), 1), -math.inf)
    before = torch.cat([padding, height[:, :-1]], -1)
    return before, torch.cat([height[:, 1:], padding], -1)
