"""Claims, and published numbers, each on places of the table that are checked to be one row."""

from __future__ import annotations

import itertools
import math
from typing import Any

from mbdl_repro.contract.table import Place, Point, distinct, same
from mbdl_repro.errors import one_of
from mbdl_repro.experiments import limits
from mbdl_repro.experiments.experiment import Claim, Experiment
from mbdl_repro.experiments.messages import Problems, cure, shown
from mbdl_repro.experiments.panels import place
from mbdl_repro.experiments.schema import ClaimFrame, Published, Side
from mbdl_repro.experiments.setup import product
from mbdl_repro.experiments.strict_yaml import Where
from mbdl_repro.statistics.relations import TOLERANT

OURS = "ours"
"""The source of claims that nobody made before."""

Pairs = list[tuple[Place, Place | float]]


def claim(problems: Problems, experiment: Experiment, data: dict[str, Any], i: int) -> Claim | None:
    """Check a claim, and expand it into the pairs of places that it compares.

    Args:
        problems: where mistakes are noted.
        experiment: what is run.
        data: the claim's keys.
        i: its place in the list of claims.

    Returns:
        The claim; None if it is not clear what it compares.
    """
    where: Where = ("claims", i)
    frame = problems.block(ClaimFrame, data, where)
    if frame is None:
        return None
    metric = _metric(problems, experiment, frame.metric, where)
    left = _side(problems, experiment, metric, frame.left, (*where, "left"))
    right = _right(problems, experiment, metric, frame.right, (*where, "right"))
    place(problems, experiment, frame.at, (*where, "at"))
    _words(problems, frame, where)
    if left is None or right is None:
        return None
    if frame.along or frame.rises_above is not None or frame.falls_below is not None:
        return _crossing(problems, experiment, frame, metric, (left, right), where)
    if left == right:
        problems.note((*where, "right"), "both sides of the claim are the same")
    at = {k: v if isinstance(v, list) else [v] for k, v in frame.at.items()}
    if (n := math.prod(map(len, at.values()))) > limits.PAIRS:
        problems.note((*where, "at"), f"{n} points; allowed are {limits.PAIRS}")
        return None
    pairs: Pairs = [
        (
            _placed(left, point, metric),
            right if isinstance(right, float) else _placed(right, point, metric),
        )
        for point in product(at)
    ]
    return _compared(problems, experiment, frame, metric, pairs, where)


def published(
    problems: Problems, experiment: Experiment, data: dict[str, Any], i: int
) -> Claim | None:
    """Check a published number; it becomes the claim that ours is it, up to its tolerance.

    Args:
        problems: where mistakes are noted.
        experiment: what is run.
        data: the number's keys.
        i: its place in the list of published numbers.

    Returns:
        The claim; None if it is not clear what it is about.
    """
    where: Where = ("published", i)
    frame = problems.block(Published, data, where)
    if frame is None:
        return None
    metric = _metric(problems, experiment, frame.metric, where)
    here = {k: v for k, v in data.items() if k in Side.model_fields}
    side = _side(problems, experiment, metric, here, where)
    if side is None:
        return None
    placed = _placed(side, {}, metric)
    if not problems:
        _one_row(problems, experiment, placed, where)
    return Claim(
        says=f"{frame.method} reaches {frame.value:g}{' or better' if frame.or_better else ''}",
        source=frame.source,
        kind="published",
        metric=metric,
        relation="reaches" if frame.or_better else "within",
        pairs=[(placed, frame.value)],
        factor=1.0,
        offset=0.0,
        tolerance=frame.tolerance,
        written=frame.written,
        remark=frame.remark,
        printed=frame.printed,
    )


# What is compared ---------------------------------------------------------------------------------


def _metric(problems: Problems, experiment: Experiment, metric: str | None, where: Where) -> str:
    if metric is not None:
        problems.name(metric, experiment.metrics, "metric", (*where, "metric"))
    return metric or experiment.metrics[0]


def _side(
    problems: Problems, experiment: Experiment, metric: str, data: Any, where: Where
) -> Side | None:
    """Check one side of a claim."""
    side: Side | None = problems.block(Side, data, where)
    if side is None:
        return None
    rows = [*experiment.methods, *experiment.bounds]
    if not problems.name(side.method, rows, "method or bound", (*where, "method")):
        return None
    if side.metric is not None:
        metric = _metric(problems, experiment, side.metric, where)
    if side.method in experiment.bounds:
        bounded = experiment.bounded(side.method)
        if metric not in bounded:
            words = " and ".join(map(repr, bounded))
            message = f"{side.method!r} bounds {words}, and the claim is on {metric!r}"
            problems.note((*where, "method"), message)
    for name, value in side.at.items():
        if isinstance(value, list):
            message = f"{value}: should be one value; a claim lists several in its own at"
            problems.note((*where, "at", name), message)
            return None
    place(problems, experiment, side.at, (*where, "at"))
    recorded = experiment.recorded(side.method)
    if side.iteration is not None and side.iteration not in recorded:
        message = f"iteration {side.iteration} is not recorded; {one_of('', recorded)}"
        problems.note((*where, "iteration"), message)
    return side


def _right(
    problems: Problems, experiment: Experiment, metric: str, data: Any, where: Where
) -> Side | float | None:
    """Check the right side of a claim, which may be a number."""
    if isinstance(data, dict):
        return _side(problems, experiment, metric, data, where)
    if type(data) in (int, float):
        return float(data)
    words = "should be a finite number, or a mapping such as {method: name}"
    problems.note(where, f"{shown(data)}: {words}{cure('float_type', data)}")
    return None


def _words(problems: Problems, frame: ClaimFrame, where: Where) -> None:
    """Note keys of a claim that do not go together."""
    if frame.relation in TOLERANT and frame.tolerance is None:
        message = f"{frame.relation} needs a tolerance: add the key 'tolerance'"
        problems.note((*where, "relation"), message)
    if frame.relation not in TOLERANT and frame.tolerance is not None:
        tolerant = " and ".join(TOLERANT)
        message = f"{frame.relation} takes no tolerance; only the relations {tolerant} do"
        problems.note((*where, "tolerance"), message)
    if frame.factor != 1 and frame.offset != 0:
        problems.note((*where, "offset"), "a claim takes a factor or an offset, not both")


def _placed(side: Side, at: Point, metric: str) -> Place:
    return Place(side.method, {**at, **side.at}, side.iteration, side.metric or metric)


def _compared(
    problems: Problems,
    experiment: Experiment,
    frame: ClaimFrame,
    metric: str,
    pairs: Pairs,
    where: Where,
    **crossing: Any,
) -> Claim:
    """Return the claim on these pairs, each place of which has to be one row of the table."""
    for one in itertools.chain.from_iterable(pairs):
        if isinstance(one, Place) and not problems:
            _one_row(problems, experiment, one, where)
    return Claim(
        says=frame.says,
        source=frame.source,
        kind="claim",
        metric=metric,
        relation=frame.relation,
        pairs=pairs,
        factor=frame.factor,
        offset=frame.offset,
        tolerance=frame.tolerance,
        written=frame.written or ("after" if frame.source == OURS else "before"),
        remark=frame.remark,
        **crossing,
    )


def _one_row(problems: Problems, experiment: Experiment, placed: Place, where: Where) -> None:
    """Note a place that is not exactly one row of the table."""
    ignored = set() if experiment.uses_n_train(placed.method) else {"n_train"}
    wanted = {name: value for name, value in placed.at.items() if name not in ignored}
    found = distinct(
        {name: value for name, value in row.items() if name not in ignored}
        for row in experiment.places
        if all(same(value, row[name]) for name, value in wanted.items())
    )
    if len(found) == 1:
        return
    at = ", ".join(f"{name} = {value}" for name, value in placed.at.items())
    spoken_of = placed.method + (f" at {at}" if at else "")
    if found:
        open_columns = ", ".join(name for name in found[0] if name not in placed.at)
        message = f"is {len(found)} rows of the table, not one; say also {open_columns}"
    else:
        message = "is not run: each value is, but not these together"
    problems.note(where, f"{spoken_of} {message}")


# Crossings ----------------------------------------------------------------------------------------


def _crossing(
    problems: Problems,
    experiment: Experiment,
    frame: ClaimFrame,
    metric: str,
    sides: tuple[Side, Side | float],
    where: Where,
) -> Claim | None:
    """Check a claim on where two curves cross; its pairs are their points."""
    left, location = sides
    key = "falls_below" if frame.rises_above is None else "rises_above"
    crossed = getattr(frame, key)
    both = frame.rises_above is not None and frame.falls_below is not None
    if crossed is None or both or frame.along is None or not isinstance(location, float):
        words = "rises_above or falls_below, along, and a number on the right go together"
        problems.note(where, words)
        return None
    if frame.factor != 1 or frame.offset != 0:
        problems.note(where, "a claim on where curves cross takes no factor and no offset")
    other = _side(problems, experiment, metric, crossed, (*where, key))
    if other == left:
        problems.note((*where, key), "both curves of the claim are the same")
    for name, value in frame.at.items():
        if isinstance(value, list):
            message = f"{value}: should be one value; curves cross in one place"
            problems.note((*where, "at", name), message)
    if problems or other is None:
        return None
    values = _values_along(problems, experiment, frame, {**frame.at, **left.at}, location, where)
    if values is None:
        return None
    pairs: Pairs = []
    for value in values:
        at = {**frame.at, frame.along: value}
        pairs.append((_placed(left, at, metric), _placed(other, at, metric)))
    crossing = {"along": frame.along, "location": location, "rises": key == "rises_above"}
    return _compared(problems, experiment, frame, metric, pairs, where, **crossing)


def _values_along(
    problems: Problems,
    experiment: Experiment,
    frame: ClaimFrame,
    fixed: Point,
    location: float,
    where: Where,
) -> list[Any] | None:
    """Return the values of the column along which curves cross, in rising order."""
    along = str(frame.along)
    if not problems.name(along, experiment.columns, "column", (*where, "along")):
        return None
    rows = (r for r in experiment.places if all(same(r[k], v) for k, v in fixed.items()))
    values = sorted(distinct(row[along] for row in rows))
    if len(values) < 2 or not all(type(v) in (int, float) and v > 0 for v in values):
        message = f"{values}: curves cross along two or more positive numbers"
        problems.note((*where, "along"), message)
        return None
    off = frame.tolerance or 0.0
    if not values[0] < location - off <= location + off < values[-1]:
        # A crossing beyond an end is known to be there, not where.
        message = f"{shown(frame.right)}: should lie between {values[0]} and {values[-1]}"
        problems.note((*where, "right"), f"{message}, with its tolerance")
    return values
