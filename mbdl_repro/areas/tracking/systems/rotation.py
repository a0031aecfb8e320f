"""Rotations of the state, or of the sensor."""

from __future__ import annotations

from typing import Annotated

import numpy as np


def rotation(angle_rad: float, size: int) -> Annotated[np.ndarray, "(size, size)"]:
    """Return the rotation (size, size) by an angle about each axis: R_z R_y R_x in space.

    In the plane it is the one rotation [[cos, −sin], [sin, cos]]; in more than three dimensions,
    that of the plane of the first two entries.

    Args:
        angle_rad: the angle, in radians; the same about each axis.
        size: entries of the vectors that are rotated.

    Raises:
        ValueError: if there is no plane to rotate in, and the angle is not 0.
    """
    R = np.eye(size)
    if angle_rad == 0:
        return R
    if size < 2:
        raise ValueError(f"a vector of {size} entry cannot be rotated, by {angle_rad:g} rad")
    c, s = np.cos(angle_rad), np.sin(angle_rad)
    planes = [(0, 1), (2, 0), (1, 2)] if size == 3 else [(0, 1)]
    for i, j in planes:
        turn = np.eye(size)
        turn[i, i], turn[i, j], turn[j, i], turn[j, j] = c, -s, s, c
        R = R @ turn
    return R
