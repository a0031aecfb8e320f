"""Convolutions of maps of emitters, and between these and the camera's pixels, as matrices."""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor
from torch.nn import functional


def symmetric_classes(side: int) -> Annotated[Tensor, "(side, side)"]:
    """Return which entries of a kernel are equal if it looks alike after quarter turns and flips.

    Args:
        side: of the kernel.

    Returns:
        Numbers (side, side), counted from 0, the same for entries that are equal.
    """
    i = torch.arange(side)
    distance = torch.maximum(i, side - 1 - i) - side // 2
    far = torch.maximum(distance[:, None], distance)
    near = torch.minimum(distance[:, None], distance)
    return far * (far + 1) // 2 + near


def camera_matrix(
    kernel: Annotated[Tensor, "(k, k)"], camera_side: int, upsampling: int
) -> Annotated[Tensor, "(N², G²)"]:
    """Return the matrix by which a kernel, centred on each camera pixel, weighs a map.

    Its transpose spreads what camera pixels hold over the map by the same kernel. What lies beyond
    the map, or beyond the kernel, is zero.

    Args:
        kernel: (k, k), of which k − upsampling is even: the pixel is in the middle.
        camera_side: N, pixels a side.
        upsampling: G/N.

    Returns:
        (N², G²), rows and columns in the order of flattened images.
    """
    fine_side = upsampling * camera_side
    beyond = upsampling * (camera_side - 1) - (len(kernel) - upsampling) // 2
    padded = functional.pad(kernel, (beyond,) * 4)
    # The last window is what the first pixel sees.
    windows = padded.unfold(0, fine_side, upsampling).unfold(1, fine_side, upsampling)
    return windows.flip(0, 1).reshape(camera_side**2, fine_side**2)


def toeplitz_places(side: int, reach: int) -> Annotated[Tensor, "(side, side)"]:
    """Return 1 + |i − j| (side, side) where |i − j| is at most the reach, and 0 elsewhere.

    Args:
        side: of the matrix.
        reach: largest distance |i − j|.
    """
    i = torch.arange(side)
    distance = (i[:, None] - i).abs()
    return torch.where(distance <= reach, distance + 1, 0)


def with_entries(
    matrix: Annotated[Tensor, "(a, b)"],
    weights: Annotated[Tensor, "(C,)"],
    places: Annotated[Tensor, "(a, b)"],
) -> Annotated[Tensor, "(a, b)"]:
    """Return a matrix, to each entry of which one of a few weights is added, or nothing.

    Args:
        matrix: (a, b).
        weights: (C,).
        places: which weight, counted from 1; 0: none (a, b).
    """
    chosen = functional.pad(weights, (1, 0)).index_select(0, places.flatten())
    return matrix + chosen.view_as(matrix)
