"""Paired comparisons over seeds, and claims that span several places.

Methods of one seed meet the same signals, so they are compared by their differences, seed by seed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mbdl_repro.statistics.intervals import (
    Interval,
    checked_errors,
    checked_values,
    constant,
    exact_mean,
    mean_interval,
)
from mbdl_repro.statistics.relations import TOLERANT, Relation, Verdict


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
    _stop_unless_allowed(relation, factor, tolerance)
    left = checked_values("left", left)
    right = _paired_with(left, right)
    errors = None
    if standard_errors is not None:
        if not isinstance(standard_errors, tuple) or len(standard_errors) != 2:
            raise ValueError(f"standard_errors = {standard_errors}: allowed is (of left, of right)")
        of_left, of_right = standard_errors
        errors = checked_errors("standard_errors[0]", of_left, left.size)
        errors = errors + factor * checked_errors("standard_errors[1]", of_right, left.size)
    with np.errstate(invalid="ignore"):  # inf - inf
        interval = mean_interval(left - factor * right, errors, level)
    exact = constant(left) and constant(right) and (errors is None or not errors.any())
    holds, fails, slack = _judged(interval, relation, tolerance, exact=exact)
    half = (interval.high - interval.low) / 2
    if math.isnan(half) or slack == 0:
        margin = 0.0
    else:
        margin = slack / half if half > 0 else math.copysign(math.inf, slack)
    verdict: Verdict = "holds" if holds else "fails" if fails else "undecided"
    means = exact_mean(left), exact_mean(right), interval.mean
    return Comparison(*means, interval.low, interval.high, verdict, margin)


def _stop_unless_allowed(relation: Relation, factor: float, tolerance: float | None) -> None:
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


def _paired_with(left: NDArray[np.float64], right: ArrayLike) -> NDArray[np.float64]:
    """Return the right side's values, one a seed of the left."""
    if np.ndim(right) == 0:
        right = np.full(left.size, right, dtype=np.float64)
    right = checked_values("right", right)
    if right.size != left.size:
        raise ValueError(
            f"left has {left.size} values and right {right.size}: give the values of the same "
            "seeds in the same order, or one number for right if it is the same for all seeds"
        )
    return right


def _judged(
    interval: Interval, relation: Relation, tolerance: float | None, *, exact: bool
) -> tuple[bool, bool, float]:
    """Return whether a claim on a difference holds, whether it fails, and the slack.

    Slack is the distance to the claim's edge, positive on the claimed side.
    """
    difference, low, high = interval.mean, interval.low, interval.high
    if tolerance is not None and relation == "reaches":
        return high <= tolerance, low > tolerance, tolerance - difference
    if tolerance is not None:
        within = -tolerance <= low and high <= tolerance
        outside = low > tolerance or high < -tolerance
        return within, outside, tolerance - abs(difference)
    worst, best = (low, high) if relation == "above" else (-high, -low)
    slack = difference if relation == "above" else -difference
    return worst > 0, best < 0 or (exact and best == 0), slack


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
