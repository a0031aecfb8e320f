"""Real amplitudes that symbols are made of, and their Gray labels."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np

Constellation = Literal["bpsk", "qpsk", "16qam"]

AMPLITUDES = {"bpsk": 2, "qpsk": 2, "16qam": 4}
"""Real amplitudes of a symbol, in each of its dimensions: one of BPSK, two of the others."""


def is_complex(constellation: Constellation) -> bool:
    """Return whether symbols have an imaginary part.

    Args:
        constellation: which one.
    """
    return constellation != "bpsk"


def amplitudes(constellation: Constellation) -> Annotated[np.ndarray, "(M,)"]:
    """Return the real amplitudes (M,) of symbols of mean energy 1, in rising order.

    Args:
        constellation: which one.
    """
    M = AMPLITUDES[constellation]
    levels = 2.0 * np.arange(M) - (M - 1)
    energy = np.square(levels).mean() * (2 if is_complex(constellation) else 1)
    found: np.ndarray = levels / np.sqrt(energy)
    return found


def nearest(estimate: np.ndarray, levels: Annotated[np.ndarray, "(M,)"]) -> np.ndarray:
    """Return the number of the nearest amplitude of each estimate; −1 of what is no number.

    Args:
        estimate: of any shape.
        levels: evenly spaced, in rising order (M,).
    """
    steps = (estimate - levels[0]) / (levels[1] - levels[0])
    number = np.clip(np.floor(steps + 0.5), 0, len(levels) - 1)
    return np.where(np.isnan(estimate), -1, np.nan_to_num(number)).astype(int)


def bit_differences(n_levels: int) -> Annotated[np.ndarray, "(M, M)"]:
    """Return in how many bits the Gray labels of any two amplitudes differ (M, M).

    Neighbours differ in one.

    Args:
        n_levels: M, a power of two.
    """
    number = np.arange(n_levels)
    label = number ^ (number >> 1)
    differing = label[:, None] ^ label
    return np.bitwise_count(differing).astype(int)
