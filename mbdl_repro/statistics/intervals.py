"""Means over seeds with confidence intervals.

A seed is one complete repetition of an experiment, so values of different seeds are independent.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True)
class Interval:
    """A mean over ``n`` seeds and its confidence interval, NaN where there is none."""

    mean: float
    low: float
    high: float
    n: int


def mean_interval(
    values: ArrayLike, standard_errors: ArrayLike | None = None, level: float = 0.95
) -> Interval:
    """Return the mean over seeds and its two-sided confidence interval.

    mean ± t_{n-1} s / √n with s² = Σ (v - mean)² / (n - 1); for one seed v ± z · standard_error,
    which covers the finite test set and not the repetition of training.

    Args:
        values: (n,), one a seed; NaN or infinity gives an interval of NaN, not a smaller n. Equal
            values give zero width.
        standard_errors: (n,) or a number, of each value over its test signals; used for n = 1.
        level: coverage, in (0, 1).

    Raises:
        ValueError: wrong shape, negative standard error, or level outside (0, 1).
    """
    values = checked_values("values", values)
    n = values.size
    if not 0 < level < 1:
        raise ValueError(f"level = {level}: allowed are values in (0, 1)")
    errors = (
        None if standard_errors is None else checked_errors("standard_errors", standard_errors, n)
    )
    mean = exact_mean(values)
    if not math.isfinite(mean):
        half = math.nan
    elif n == 1:
        half = math.nan if errors is None else _quantile(level, math.inf) * float(errors[0])
    elif constant(values):
        half = 0.0
    else:
        half = _quantile(level, n - 1) * float(values.std(ddof=1)) / math.sqrt(n)
    return Interval(mean, mean - half, mean + half, n)


def checked_values(name: str, values: ArrayLike) -> NDArray[np.float64]:
    """Return one value a seed as an array (n,).

    Args:
        name: what messages call them.
        values: (n,) with n ≥ 1, of any unit.

    Raises:
        ValueError: they have another shape.
    """
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or array.size == 0:
        raise ValueError(f"{name} has shape {array.shape}: allowed is (n,), a value a seed, n >= 1")
    return array


def checked_errors(name: str, errors: ArrayLike, n: int) -> NDArray[np.float64]:
    """Return one standard error a seed as an array (n,).

    Args:
        name: what messages call them.
        errors: (n,), or a number for all seeds, in the unit of the values.
        n: number of seeds.

    Raises:
        ValueError: they have another shape, or one is negative.
    """
    array = np.asarray(errors, dtype=np.float64)
    if array.shape not in ((), (n,)):
        raise ValueError(f"{name} has shape {array.shape}: allowed are ({n},) and a number")
    if (array < 0).any():
        raise ValueError(f"{name} = {array.tolist()}: allowed are values >= 0")
    return np.broadcast_to(array, (n,))


def constant(values: NDArray[np.float64]) -> bool:
    """Return whether all values (n,) are equal; those with a NaN are not."""
    return bool((values == values[0]).all())


def exact_mean(values: NDArray[np.float64]) -> float:
    """Return the mean of values (n,), which is the value itself where all are equal."""
    # Their mean can differ from them by rounding, and exact comparisons would see it.
    with np.errstate(invalid="ignore"):  # inf - inf
        return float(values[0] if constant(values) else values.mean())


def _quantile(level: float, freedom: float) -> float:
    """Half-width of the central ``level`` of Student's t; normal for infinite ``freedom``."""
    from scipy.special import stdtrit  # a quarter of the CPU time that scipy.stats takes to import

    return float(stdtrit(freedom, (1 + level) / 2))
