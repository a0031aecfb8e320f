"""Means over seeds with confidence intervals.

A seed is one complete repetition of an experiment, so values of different seeds are independent.
Where nothing is learned, seeds differ by their test signals alone, and groups of these signals are
as many more repetitions.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mbdl_repro.statistics.relations import Scale

PER_DECIBEL = math.log(10) / 10
"""A decibel as a natural logarithm of a ratio."""


@dataclass(frozen=True)
class Interval:
    """A mean over ``n`` seeds and its confidence interval, NaN where there is none."""

    mean: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class Estimate:
    """An estimated mean: its value, its standard error, and their degrees of freedom."""

    value: float
    error: float
    freedom: float

    def half_width(self, level: float) -> float:
        """Return t · error, half of the central interval that covers with probability level."""
        return quantile(level, self.freedom) * self.error if self.error else 0.0

    def p(self, edge: float) -> float:
        """Return how probable it is, two-sided, to lie so far from an edge if the mean lies on it.

        Args:
            edge: in the unit of the value.

        Returns:
            A probability; NaN where there is no error.
        """
        from scipy.special import stdtr

        if not self.error > 0:
            return math.nan
        return 2 * float(stdtr(self.freedom, -abs(self.value - edge) / self.error))


def mean_interval(
    values: ArrayLike,
    standard_errors: ArrayLike | None = None,
    level: float = 0.95,
    *,
    scale: Scale = "difference",
    without: ArrayLike | None = None,
) -> Interval:
    """Return the mean over seeds and its two-sided confidence interval.

    m ± t_{n-1} s / √n with m = Σ v / n and s² = Σ (v - m)² / (n - 1). On the scale of ratios, where
    m > 0, it is m · exp(± t_{n-1} s / (m √n)), which no interval of positive errors leaves; values
    in dB are averaged as the ratios that they stand for, and the mean is in dB again. For one seed
    v ± z · standard_error, which covers the finite test set and not the repetition of training.

    With the values that each seed has without each of G groups of its test signals, v is replaced
    by the n G jackknife pseudo-values G v - (G - 1) v₋g, and n by n G.

    Args:
        values: (n,), one a seed; NaN or infinity gives an interval of NaN, not a smaller n. Equal
            values give zero width.
        standard_errors: (n,) or a number, of each value over its test signals; used for n = 1.
        level: coverage, in (0, 1).
        scale: how values compare.
        without: (n, G), only where nothing but the test signals is random.

    Raises:
        ValueError: wrong shape, negative standard error, or level outside (0, 1).

    References:
        Efron and Stein, Ann. Statist. 9 (1981) 586-596, pseudo-values.
    """
    values = checked_values("values", values)
    stop_unless_level(level)
    errors = checked_errors("standard_errors", standard_errors, values.size)
    groups = checked_groups("without", without, values.size)
    scale = usable(scale, values)
    mean = exact_mean(linear(values, scale))
    estimate = estimated(
        repeated(linear(values, scale), None if groups is None else linear(groups, scale)),
        None if errors is None else linear_errors(values, errors, scale),
        mean,
        relative=scale != "difference",
    )
    half = estimate.half_width(level)
    if scale == "difference":
        return Interval(mean, mean - half, mean + half, values.size)
    if scale == "ratio":
        low, high = mean * exp(-half), mean * exp(half)
        return Interval(mean, low, high, values.size)
    mean = float(values[0]) if constant(values) else _decibels(mean)
    half /= PER_DECIBEL
    return Interval(mean, mean - half, mean + half, values.size)


# Parts that comparisons share ---------------------------------------------------------------------


def usable(scale: Scale, *values: NDArray[np.float64]) -> Scale:
    """Return the scale, or that of differences where a mean has no logarithm.

    Args:
        scale: that is asked for.
        values: of each side, each (n,).
    """
    if scale == "ratio" and not all((v >= 0).all() and v.any() for v in values):
        return "difference"
    return scale


def linear(values: NDArray[np.float64], scale: Scale) -> NDArray[np.float64]:
    """Return what is averaged: for values in dB the ratios that they stand for.

    Args:
        values: of any shape.
        scale: how they compare.
    """
    with np.errstate(over="ignore"):
        return np.exp(values * PER_DECIBEL) if scale == "decibels" else values


def linear_errors(
    values: NDArray[np.float64], errors: NDArray[np.float64], scale: Scale
) -> NDArray[np.float64]:
    """Return the standard errors of what is averaged.

    Args:
        values: (n,).
        errors: of these, (n,), in their unit.
        scale: how they compare.
    """
    return linear(values, scale) * errors * PER_DECIBEL if scale == "decibels" else errors


def repeated(
    values: NDArray[np.float64], without: NDArray[np.float64] | None
) -> NDArray[np.float64]:
    """Return independent repetitions: values of seeds, or the pseudo-values of their groups.

    Args:
        values: (n,).
        without: without each of G groups of test signals (n, G), or None.

    Returns:
        (n,) or (n · G,).
    """
    if without is None:
        return values
    n_groups = without.shape[1]
    with np.errstate(invalid="ignore"):  # inf - inf
        return (n_groups * values[:, None] - (n_groups - 1) * without).ravel()


def estimated(
    repetitions: Annotated[NDArray[np.float64], "(N,)"],
    errors: NDArray[np.float64] | None,
    mean: float,
    *,
    relative: bool = False,
) -> Estimate:
    """Return a mean with its standard error over repetitions, or of one over test signals.

    Args:
        repetitions: (N,), independent.
        errors: of a single repetition, of which the first is read.
        mean: of the repetitions.
        relative: whether the error is asked in parts of the mean.
    """
    n = repetitions.size
    if not math.isfinite(mean):
        error = math.nan
    elif n == 1:
        error = math.nan if errors is None else float(errors[0])
    elif constant(repetitions):
        error = 0.0
    else:
        error = float(repetitions.std(ddof=1)) / math.sqrt(n)
    freedom = math.inf if n == 1 else n - 1
    return Estimate(mean, error / abs(mean) if relative and error else error, freedom)


def checked_values(name: str, values: ArrayLike) -> Annotated[NDArray[np.float64], "(n,)"]:
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


def checked_errors(
    name: str, errors: ArrayLike | None, n: int
) -> Annotated[NDArray[np.float64], "(n,)"] | None:
    """Return one standard error a seed as an array (n,); None if there are none.

    Args:
        name: what messages call them.
        errors: (n,), or a number for all seeds, in the unit of the values.
        n: number of seeds.

    Raises:
        ValueError: they have another shape, or one is negative.
    """
    if errors is None:
        return None
    array = np.asarray(errors, dtype=np.float64)
    if array.shape not in ((), (n,)):
        raise ValueError(f"{name} has shape {array.shape}: allowed are ({n},) and a number")
    if (array < 0).any():
        raise ValueError(f"{name} = {array.tolist()}: allowed are values >= 0")
    return np.broadcast_to(array, (n,))


def checked_groups(
    name: str, without: ArrayLike | None, n: int
) -> Annotated[NDArray[np.float64], "(n, G)"] | None:
    """Return the values without each group of test signals as an array (n, G); None if none.

    Args:
        name: what messages call them.
        without: (n, G) with G ≥ 2.
        n: number of seeds.

    Raises:
        ValueError: they have another shape.
    """
    if without is None:
        return None
    array = np.asarray(without, dtype=np.float64)
    if array.ndim != 2 or array.shape[0] != n or array.shape[1] < 2:
        raise ValueError(f"{name} has shape {array.shape}: allowed is ({n}, G), G >= 2")
    return array


def stop_unless_level(level: float) -> None:
    """Raise ValueError unless a level of confidence lies in (0, 1)."""
    if not 0 < level < 1:
        raise ValueError(f"level = {level}: allowed are values in (0, 1)")


def constant(values: NDArray[np.float64]) -> bool:
    """Return whether all values (n,) are equal; those with a NaN are not."""
    return bool((values == values[0]).all())


def exact_mean(values: NDArray[np.float64]) -> float:
    """Return the mean of values (n,), which is the value itself where all are equal."""
    # Their mean can differ from them by rounding, and exact comparisons would see it.
    with np.errstate(invalid="ignore"):  # inf - inf
        return float(values[0] if constant(values) else values.mean())


def quantile(level: float, freedom: float) -> float:
    """Return the half-width of the central part of Student's t, of the normal law for infinity.

    Args:
        level: probability of that part.
        freedom: degrees of freedom.
    """
    from scipy.special import stdtrit  # a quarter of the CPU time that scipy.stats takes to import

    return float(stdtrit(freedom, (1 + level) / 2))


def exp(x: float) -> float:
    """Return e^x, infinity where that is too large for a number."""
    with np.errstate(over="ignore"):
        return float(np.exp(x))


def _decibels(ratio: float) -> float:
    return 10 * math.log10(ratio) if ratio > 0 else -math.inf if ratio == 0 else math.nan
