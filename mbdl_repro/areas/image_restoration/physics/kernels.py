"""Convolution kernels: Gaussian ones, and motions of a camera."""

from __future__ import annotations

from functools import cache
from typing import Annotated

import numpy as np

MOTION_SIDE = 9
"""Pixels of the square that holds an unknown kernel."""


def convolved(
    image: Annotated[np.ndarray, "(h, w)"], kernel: Annotated[np.ndarray, "(a, a)"]
) -> Annotated[np.ndarray, "(h, w)"]:
    """Return the periodic convolution of an image (h, w) with a kernel that is centred.

    Args:
        image: pixels (h, w).
        kernel: (a, a), a odd.
    """
    from scipy.ndimage import convolve  # planning draws nothing, and needs not load it

    return convolve(image, kernel, mode="wrap") if kernel.size > 1 else image


def random_motion(rng: np.random.Generator) -> np.ndarray:
    """Draw the kernel (9, 9) of a camera that moves in a straight line while it looks.

    Its length is uniform from 3 to 8 pixels, its angle uniform; points along it are shared out
    among the four pixels around each.
    """
    length, angle = rng.uniform(3.0, MOTION_SIDE - 1.0), rng.uniform(0.0, np.pi)
    along = np.linspace(-length / 2, length / 2, 101)
    rows = MOTION_SIDE // 2 + along * np.sin(angle)
    columns = MOTION_SIDE // 2 + along * np.cos(angle)
    kernel = np.zeros((MOTION_SIDE, MOTION_SIDE))
    top, left = np.floor(rows).astype(int), np.floor(columns).astype(int)
    for i in (0, 1):
        for j in (0, 1):
            share = (1 - np.abs(rows - top - i)) * (1 - np.abs(columns - left - j))
            inside = (top + i < MOTION_SIDE) & (left + j < MOTION_SIDE)
            np.add.at(kernel, (top[inside] + i, left[inside] + j), share[inside])
    return kernel / kernel.sum()


@cache
def gaussian(std: float) -> np.ndarray:
    """Return a Gaussian kernel of this standard deviation, cut at three of them."""
    radius = int(np.ceil(3 * std))
    line = np.exp(-0.5 * (np.arange(-radius, radius + 1) / std) ** 2) if std else np.ones(1)
    kernel = np.outer(line, line)
    kernel /= kernel.sum()
    kernel.setflags(write=False)
    return kernel


def sheared_gaussian(along: float, across: float, angle: float, side: int) -> np.ndarray:
    """Return a Gaussian kernel (side, side) that is longer in one direction.

    Args:
        along: standard deviation in that direction, in pixels.
        across: the same, across it.
        angle: of the direction, in radians, from rightwards to downwards.
        side: odd.
    """
    rows, columns = np.indices((side, side)) - side // 2
    u = columns * np.cos(angle) + rows * np.sin(angle)
    v = rows * np.cos(angle) - columns * np.sin(angle)
    kernel: np.ndarray = np.exp(-0.5 * ((u / along) ** 2 + (v / across) ** 2))
    return kernel / kernel.sum()


def arc(radius: float, turn: float, side: int) -> np.ndarray:
    """Return the kernel (side, side) of a camera that moves along an arc while it looks.

    Args:
        radius: of the arc, in pixels.
        turn: how far it goes around, in radians.
        side: odd; the arc's centre of mass lies in the middle.
    """
    angles = np.linspace(-turn / 2, turn / 2, 10_001)
    return _shared_out(radius * np.sin(angles), radius * np.cos(angles), side)


def disk(radius: float, side: int) -> np.ndarray:
    """Return the kernel (side, side) of a lens that is out of focus.

    Args:
        radius: of the disk, in pixels.
        side: odd.
    """
    line = np.linspace(-radius, radius, 801)
    rows, columns = np.meshgrid(line, line, indexing="ij")
    inside = rows**2 + columns**2 <= radius**2
    return _shared_out(rows[inside], columns[inside], side)


def _shared_out(rows: np.ndarray, columns: np.ndarray, side: int) -> np.ndarray:
    """Return the share of points, taken about their mean, in each of side² pixels."""
    edges = np.arange(side + 1) - side / 2
    kernel, _, _ = np.histogram2d(rows - rows.mean(), columns - columns.mean(), [edges, edges])
    return kernel / kernel.sum()
