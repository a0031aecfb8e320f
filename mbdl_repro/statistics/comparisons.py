"""Paired comparisons over seeds, and claims that span several places.

Methods of one seed meet the same signals, so they are compared seed by seed; where neither learns,
group of test signals by group.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mbdl_repro.statistics.intervals import (
    PER_DECIBEL,
    Estimate,
    checked_errors,
    checked_groups,
    checked_values,
    constant,
    estimated,
    exact_mean,
    exp,
    linear,
    linear_errors,
    mean_interval,
    repeated,
    stop_unless_level,
    usable,
)
from mbdl_repro.statistics.relations import TOLERANT, Relation, Scale, Verdict

Over = Literal["seeds", "signals", "nothing"]
"""What an interval is over: repetitions with their own training, test signals, or no chance."""


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Means of both sides, the interval of their difference or ratio, and what it says of a claim.

    Attributes:
        left: mean of the left side.
        right: mean of the right side.
        effect: left - factor · right - offset, or left / (factor · right).
        low: where the interval of the effect begins, NaN if there is none.
        high: where it ends.
        effect_is: which of both it is.
        over: what the interval is over.
        verdict: on the claim.
        margin: how far the effect lies on the claimed side, in half-widths of the interval: above
            1 the claim holds, below -1 it fails; 0 at the edge, and where there is no interval.
        p: how probable so clear a verdict is where the claim's edge is true; NaN without chance.
    """

    left: float
    right: float
    effect: float
    low: float
    high: float
    effect_is: Literal["difference", "ratio"]
    over: Over
    verdict: Verdict
    margin: float
    p: float


def compare(
    left: ArrayLike,
    right: ArrayLike,
    relation: Relation,
    *,
    scale: Scale = "difference",
    factor: float = 1.0,
    offset: float = 0.0,
    tolerance: float | None = None,
    level: float = 0.95,
    standard_errors: tuple[ArrayLike, ArrayLike] | None = None,
    without: tuple[ArrayLike, ArrayLike] | None = None,
) -> Comparison:
    """Decide how left lies to factor · right + offset, from paired per-seed values.

    The interval [low, high] of d = mean(left) - factor · mean(right) - offset decides: ``below``
    holds if high < 0 and fails if low > 0; ``reaches`` holds if high ≤ tolerance and fails if
    low > tolerance, and is surpassed if high < -tolerance; ``within`` fails if [low, high] lies
    wholly outside of ±tolerance, and holds if the interval at level 1 - 2 (1 - level), which the
    test of equivalence of that size asks for, lies within. Anything else is undecided, also for
    want of an interval. A false verdict has probability (1 - level) / 2 at most, a false
    equivalence 1 - level.

    Positive values compare by log(mean(left) / (factor · mean(right))), whose standard error over
    pairs is that of left / mean(left) - right / mean(right); values in dB by that of the ratios
    that they stand for, in dB. With a tolerance or an offset in their own unit, positive values
    compare by differences.

    With one seed the standard error is bounded by se_left + factor · se_right, whatever the
    correlation of both errors on common signals. Where nothing is random (both sides constant,
    standard errors absent for n > 1 or zero), the comparison is exact: equals are not ``below``.

    Args:
        left: (n,), one value a seed.
        right: (n,), of the same seeds in the same order; or a number, the same for all seeds.
        relation: ``below``, ``above``, ``within``: equal up to ``tolerance``, or ``reaches``:
            equal up to ``tolerance`` or below.
        scale: how values compare.
        factor: multiplies ``right``, positive.
        offset: is added to ``right``, in its unit.
        tolerance: largest absolute difference that counts as equal, for ``within`` and
            ``reaches`` only.
        level: coverage of the interval, in (0, 1).
        standard_errors: of left and right over the test signals, each (n,) or a number.
        without: both sides without each of G groups of test signals, each (n, G): where nothing
            but these is random, the pairs are the n G pseudo-values.

    Raises:
        ValueError: sides that cannot be paired, or an argument outside what is allowed.

    References:
        Schuirmann, J. Pharmacokinet. Biopharm. 15 (1987) 657-680, equivalence by inclusion.
    """
    _stop_unless_allowed(relation, factor, offset, tolerance)
    stop_unless_level(level)
    left = checked_values("left", left)
    right = _paired_with(left, right)
    if scale == "ratio" and (tolerance is not None or offset):
        scale = "difference"
    of_left, of_right = _parts(left, standard_errors, without)
    sides = [_Side(left, *of_left), _Side(right, *of_right)]
    scale = usable(scale, left, right)
    estimate = _estimated(sides[0], sides[1], scale, factor, offset)
    exact = all(side.constant for side in sides)
    verdict, margin, p = _judged(estimate, relation, tolerance, level, exact=exact)
    half = estimate.half_width(level)
    shown = exp if scale == "ratio" else float
    return Comparison(
        left=mean_interval(left, scale=scale).mean,
        right=mean_interval(right, scale=scale).mean,
        effect=shown(estimate.value),
        low=shown(estimate.value - half),
        high=shown(estimate.value + half),
        effect_is="ratio" if scale == "ratio" else "difference",
        over="nothing" if exact else "signals" if without is not None else "seeds",
        verdict=verdict,
        margin=margin,
        p=p,
    )


@dataclasses.dataclass(frozen=True)
class _Side:
    """One side: values (n,), standard errors (n,), and values without groups (n, G), if any."""

    values: NDArray[np.float64]
    errors: NDArray[np.float64] | None
    without: NDArray[np.float64] | None

    @property
    def constant(self) -> bool:
        """Whether nothing is random: all are equal, and none has a standard error."""
        return constant(self.values) and (self.errors is None or not self.errors.any())

    def repetitions(self, scale: Scale) -> NDArray[np.float64]:
        groups = None if self.without is None else linear(self.without, scale)
        return repeated(linear(self.values, scale), groups)


def _parts(
    left: NDArray[np.float64],
    errors: tuple[ArrayLike, ArrayLike] | None,
    without: tuple[ArrayLike, ArrayLike] | None,
) -> list[tuple[NDArray[np.float64] | None, NDArray[np.float64] | None]]:
    """Return the checked standard errors and groups of each side."""
    for name, pair in (("standard_errors", errors), ("without", without)):
        if pair is not None and (not isinstance(pair, tuple) or len(pair) != 2):
            raise ValueError(f"{name} = {pair}: allowed is (of left, of right)")
    return [
        (
            checked_errors(f"standard_errors[{i}]", errors[i] if errors else None, left.size),
            checked_groups(f"without[{i}]", without[i] if without else None, left.size),
        )
        for i in range(2)
    ]


def _estimated(left: _Side, right: _Side, scale: Scale, factor: float, offset: float) -> Estimate:
    """Return the difference, or the logarithm of the ratio in nepers or dB, and its error."""
    unit = PER_DECIBEL if scale == "decibels" else 1.0
    a, b = (side.repetitions(scale) for side in (left, right))
    mean_a, mean_b = (exact_mean(linear(side.values, scale)) for side in (left, right))
    errors = None
    with np.errstate(invalid="ignore", divide="ignore"):  # inf - inf, 0 / 0
        if left.errors is not None and right.errors is not None:
            of_a = linear_errors(left.values, left.errors, scale)
            of_b = linear_errors(right.values, right.errors, scale)
            weights = (1.0, factor) if scale == "difference" else (1 / mean_a, 1 / mean_b)
            errors = weights[0] * of_a + weights[1] * of_b
        if scale == "difference":
            value = mean_a - factor * mean_b - offset
            return estimated(a - factor * b, errors, value)
        value = float(np.log(np.float64(mean_a) / (factor * mean_b))) - offset * unit
        found = estimated(a / mean_a - b / mean_b, errors, value)
        return Estimate(found.value / unit, found.error / unit, found.freedom)


def _stop_unless_allowed(
    relation: Relation, factor: float, offset: float, tolerance: float | None
) -> None:
    if relation not in get_args(Relation):
        raise ValueError(f"relation = {relation!r}: allowed are {', '.join(get_args(Relation))}")
    if not 0 < factor < math.inf:
        raise ValueError(f"factor = {factor}: allowed are finite values > 0")
    if not math.isfinite(offset):
        raise ValueError(f"offset = {offset}: allowed are finite values")
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
    estimate: Estimate, relation: Relation, tolerance: float | None, level: float, *, exact: bool
) -> tuple[Verdict, float, float]:
    """Return the verdict on a claim, its margin, and its p-value."""
    value, half = estimate.value, estimate.half_width(level)
    if not math.isfinite(half) or math.isnan(value):
        return "undecided", 0.0, math.nan
    if tolerance is None:
        slack, edge = (value if relation == "above" else -value), 0.0
        holds, fails = slack > half, slack < -half or (exact and slack == 0)
        surpassed = False
    else:
        distance = value if relation == "reaches" else abs(value)
        slack, edge = tolerance - distance, math.copysign(tolerance, value)
        edge = tolerance if relation == "reaches" else edge
        # What is asked of equivalence is two one-sided tests, each at 1 - level.
        inner = estimate.half_width(2 * level - 1) if relation == "within" else half
        holds, fails = slack >= inner, slack < -half
        surpassed = relation == "reaches" and value + half < -tolerance
        half = inner if slack > 0 else half
    p = estimate.p(-edge if surpassed else edge)
    if relation == "within" and slack > 0:
        p /= 2  # the larger of two one-sided ones
    margin = slack / half if half > 0 else math.copysign(math.inf, slack) if slack else 0.0
    verdict: Verdict = "surpassed" if surpassed else "holds" if holds else "undecided"
    return ("fails" if fails else verdict), margin, p


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
        ``level`` if the claim holds and at the corrected level otherwise. Its p-value is the
        largest one of the places if the claim holds, and m times its own, at most 1, otherwise.

    Raises:
        ValueError: no place, or what a place raises.

    References:
        Berger, Technometrics 24 (1982) 295-300.
    """
    if not places:
        raise ValueError("places is empty: allowed is one comparison or more")
    n = len(places)

    def least_favourable(level: float) -> tuple[Comparison, list[Comparison]]:
        ranks = get_args(Verdict)
        judged = [place(level=level) for place in places]
        return min(judged, key=lambda one: (ranks.index(one.verdict), one.margin)), judged

    worst, judged = least_favourable(level)
    if worst.verdict in ("holds", "surpassed"):
        known = [one.p for one in judged if not math.isnan(one.p)]
        return dataclasses.replace(worst, p=max(known, default=math.nan))
    # What does not hold at this level does not hold in the wider corrected interval either.
    worst, _ = least_favourable(1 - (1 - level) / n)
    return dataclasses.replace(worst, p=min(1.0, n * worst.p) if worst.p == worst.p else worst.p)
