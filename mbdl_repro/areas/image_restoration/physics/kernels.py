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
