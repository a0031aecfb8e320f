"""Paired comparisons over seeds, and claims that span several places.

Methods of one seed meet the same signals, so they are compared by their differences, seed by seed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import get_args

import numpy as np
from numpy.typing import ArrayLike

from mbdl_repro.statistics.intervals import (
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
    left = checked_values("left", left)
    n = left.size
    if np.ndim(right) == 0:
        right = np.full(n, right, dtype=np.float64)
    right = checked_values("right", right)
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
        errors = checked_errors("standard_errors[0]", of_left, n)
        errors = errors + factor * checked_errors("standard_errors[1]", of_right, n)
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
        exact = constant(left) and constant(right) and (errors is None or not errors.any())
        holds = worst > 0
        fails = best < 0 or (exact and best == 0)
    half = (high - low) / 2
    if math.isnan(half) or slack == 0:
        margin = 0.0
    else:
        margin = slack / half if half > 0 else math.copysign(math.inf, slack)
    verdict: Verdict = "holds" if holds else "fails" if fails else "undecided"
    return Comparison(exact_mean(left), exact_mean(right), difference, low, high, verdict, margin)


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
