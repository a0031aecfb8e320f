"""Intervals over seeds, paired comparisons, and claims that span several places.

A seed is one complete repetition of an experiment, so values of different seeds are independent;
methods of one seed meet the same signals, so they are compared by their differences, seed by seed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

Relation = Literal["below", "above", "within", "reaches"]
SIGNS: dict[Relation, str] = {"below": "<", "above": ">", "within": "≈", "reaches": "≲"}
TOLERANT = ("within", "reaches")
"""Relations that allow for a difference."""
Verdict = Literal["fails", "undecided", "holds"]  # least favourable first


@dataclass(frozen=True)
class Interval:
    """A mean over ``n`` seeds and its confidence interval, NaN where there is none."""

    mean: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class Comparison:
    """Means of both sides, the interval of their difference, and what it says of a claim.

    ``margin`` is how far the difference lies on the claimed side, in half-widths of the interval:
    above 1 the claim holds, below -1 it fails; 0 at the edge, and where there is no interval.
    """

    left: float
    right: float
    difference: float
    low: float
    high: float
    verdict: Verdict
    margin: float


def _quantile(level: float, freedom: float) -> float:
    """Half-width of the central ``level`` of Student's t; normal for infinite ``freedom``."""
    from scipy.special import stdtrit  # a quarter of the CPU time that scipy.stats takes to import

    return float(stdtrit(freedom, (1 + level) / 2))


def _checked(name: str, values: ArrayLike) -> NDArray[np.float64]:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or array.size == 0:
        raise ValueError(f"{name} has shape {array.shape}: allowed is (n,), a value a seed, n >= 1")
    return array


def _errors(name: str, errors: ArrayLike, n: int) -> NDArray[np.float64]:
    array = np.asarray(errors, dtype=np.float64)
    if array.shape not in ((), (n,)):
        raise ValueError(f"{name} has shape {array.shape}: allowed are ({n},) and a number")
    if (array < 0).any():
        raise ValueError(f"{name} = {array.tolist()}: allowed are values >= 0")
    return np.broadcast_to(array, (n,))


def _constant(values: NDArray[np.float64]) -> bool:
    return bool((values == values[0]).all())


def _mean(values: NDArray[np.float64]) -> float:
    # The mean of equal values can differ from them by rounding, and exact comparisons would see it.
    with np.errstate(invalid="ignore"):  # inf - inf
        return float(values[0] if _constant(values) else values.mean())


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
    values = _checked("values", values)
    n = values.size
    if not 0 < level < 1:
        raise ValueError(f"level = {level}: allowed are values in (0, 1)")
    errors = None if standard_errors is None else _errors("standard_errors", standard_errors, n)
    mean = _mean(values)
    if not math.isfinite(mean):
        half = math.nan
    elif n == 1:
        half = math.nan if errors is None else _quantile(level, math.inf) * float(errors[0])
    elif _constant(values):
        half = 0.0
    else:
        half = _quantile(level, n - 1) * float(values.std(ddof=1)) / math.sqrt(n)
    return Interval(mean, mean - half, mean + half, n)


def compare(
    left: ArrayLike,
    right: ArrayLike,
    relation: Relation,
    *,
    factor: float = 1.0,
    tolerance: float | None = None,
    level: float = 0.95,
    standard_errors: tuple[ArrayLike, ArrayLike] | None = None,
) -> Comparison:
    """Decide how left lies to factor · right, from paired per-seed values.

    The interval [low, high] of d = mean(left - factor · right) decides: ``below`` holds if
    high < 0 and fails if low > 0; ``within`` holds if [low, high] lies within ±tolerance and
    fails if it lies wholly outside; ``reaches`` asks for one side of this, high ≤ tolerance, and
    fails if low > tolerance; anything else, also for want of an interval, is undecided.
    A false ``holds`` has probability (1 - level) / 2 at most; for ``within`` because inclusion
    of the 1 - 2α interval is the test of equivalence of size α, so that 95 % is stricter than
    the usual 90 %.

    With one seed the standard error of d is bounded by se_left + factor · se_right, whatever the
    correlation of both errors on common signals. Where nothing is random (both sides constant,
    standard errors absent for n > 1 or zero), the comparison is exact: equals are not ``below``.

    Args:
        left: (n,), one value a seed.
        right: (n,), of the same seeds in the same order; or a number, the same for all seeds.
        relation: ``below``, ``above``, ``within``: equal up to ``tolerance``, or ``reaches``:
            equal up to ``tolerance`` or below.
        factor: multiplies ``right``, positive.
        tolerance: largest absolute difference that counts as equal, for ``within`` and
            ``reaches`` only.
        level: coverage of the interval, in (0, 1).
        standard_errors: of left and right over the test signals, each (n,) or a number.

    Raises:
        ValueError: sides that cannot be paired, or an argument outside what is allowed.

    References:
        Schuirmann, J. Pharmacokinet. Biopharm. 15 (1987) 657-680, equivalence by inclusion.
    """
    if relation not in get_args(Relation):
        raise ValueError(f"relation = {relation!r}: allowed are {', '.join(get_args(Relation))}")
    if not 0 < factor < math.inf:
        raise ValueError(f"factor = {factor}: allowed are finite values > 0")
    if relation in TOLERANT and (tolerance is None or not 0 <= tolerance < math.inf):
        raise ValueError(
            f"tolerance = {tolerance}: allowed for {relation!r} are finite values >= 0"
        )
    if relation not in TOLERANT and tolerance is not None:
        raise ValueError(f"tolerance = {tolerance}: allowed for {relation!r} is None")
    left = _checked("left", left)
    n = left.size
    if np.ndim(right) == 0:
        right = np.full(n, right, dtype=np.float64)
    right = _checked("right", right)
    if right.size != n:
        raise ValueError(
            f"left has {n} values and right {right.size}: give the values of the same seeds in "
            "the same order, or one number for right if it is the same for all seeds"
        )
    errors = None
    if standard_errors is not None:
        if not isinstance(standard_errors, tuple) or len(standard_errors) != 2:
            raise ValueError(f"standard_errors = {standard_errors}: allowed is (of left, of right)")
        of_left, of_right = standard_errors
        errors = _errors("standard_errors[0]", of_left, n)
        errors = errors + factor * _errors("standard_errors[1]", of_right, n)
    with np.errstate(invalid="ignore"):  # inf - inf
        interval = mean_interval(left - factor * right, errors, level)
    difference, low, high = interval.mean, interval.low, interval.high

    # Slack is the distance to the claim's edge, positive on the claimed side.
    if tolerance is not None and relation == "reaches":
        slack = tolerance - difference
        holds, fails = high <= tolerance, low > tolerance
    elif tolerance is not None:
        slack = tolerance - abs(difference)
        holds = -tolerance <= low and high <= tolerance
        fails = low > tolerance or high < -tolerance
    else:
        slack = difference if relation == "above" else -difference
        worst, best = (low, high) if relation == "above" else (-high, -low)
        exact = _constant(left) and _constant(right) and (errors is None or not errors.any())
        holds = worst > 0
        fails = best < 0 or (exact and best == 0)
    half = (high - low) / 2
    if math.isnan(half) or slack == 0:
        margin = 0.0
    else:
        margin = slack / half if half > 0 else math.copysign(math.inf, slack)
    verdict: Verdict = "holds" if holds else "fails" if fails else "undecided"
    return Comparison(_mean(left), _mean(right), difference, low, high, verdict, margin)


def first_crossing(x: ArrayLike, differences: ArrayLike) -> NDArray[np.float64]:
    """Return where each column of differences first rises above zero: where a curve overtakes.

    Between two points it is interpolated, linearly in log x.

    Args:
        x: (k,), positive and rising.
        differences: of two curves at these points (k, n), one column a seed; its negative tells
            where the first curve falls below the other.

    Returns:
        (n,); the first x for a column that is above zero from there, and the last x for one
        that never is: ends of what is known, so compare them only with what lies between.

    Raises:
        ValueError: fewer than two points, or an x that is not positive.
    """
    x = np.asarray(x, dtype=np.float64)
    d = np.asarray(differences, dtype=np.float64)
    if len(x) < 2 or x.min() <= 0:
        raise ValueError(f"x = {x.tolist()}: allowed are two or more positive numbers")
    places = np.full(d.shape[1], x[-1])
    for j, column in enumerate(d.T):
        above = np.flatnonzero(column > 0)
        if len(above) and above[0] == 0:
            places[j] = x[0]
        elif len(above):
            i = above[0] - 1
            share = column[i] / (column[i] - column[i + 1])
            places[j] = x[i] * (x[i + 1] / x[i]) ** share
    return places


def combine(places: Sequence[Callable[..., Comparison]], level: float = 0.95) -> Comparison:
    """Decide a claim that is to hold at each of m places.

    It holds if it holds at every place, each judged at ``level``: the intersection-union test,
    which needs no correction. It fails if it fails at some place, each judged at
    1 - (1 - level) / m (Bonferroni), so that a false ``fails`` has probability 1 - level at most.

    Args:
        places: m callables that take ``level`` and compare, as ``partial(compare, x, y, "below")``.
        level: of the combined claim, in (0, 1).

    Returns:
        The least favourable comparison, which has the combined verdict; its interval is at
        ``level`` if the claim holds and at the corrected level otherwise.

    Raises:
        ValueError: no place, or what a place raises.

    References:
        Berger, Technometrics 24 (1982) 295-300.
    """
    if not places:
        raise ValueError("places is empty: allowed is one comparison or more")

    def least_favourable(level: float) -> Comparison:
        ranks = get_args(Verdict)
        judged = [place(level=level) for place in places]
        return min(judged, key=lambda one: (ranks.index(one.verdict), one.margin))

    worst = least_favourable(level)
    # What does not hold at this level does not hold in the wider corrected interval either.
    return worst if worst.verdict == "holds" else least_favourable(1 - (1 - level) / len(places))
