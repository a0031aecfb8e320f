"""What an experiment sets up: the truth, what designers assume of it, and where it is run."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Mapping
from typing import Any

from mbdl_repro import catalogue
from mbdl_repro.contract.scenario import Scenario
from mbdl_repro.contract.settings import field_types
from mbdl_repro.contract.table import Point, distinct
from mbdl_repro.experiments import limits
from mbdl_repro.experiments.messages import Problems, shown
from mbdl_repro.experiments.schema import Count, Frame
from mbdl_repro.experiments.strict_yaml import Where

# The truth, and what is assumed of it -------------------------------------------------------------


def scenario(problems: Problems, area: str, data: dict[str, Any]) -> tuple[str, Scenario]:
    """Build the truth, and check that data can be drawn from it.

    Args:
        problems: where mistakes are noted.
        area: the running example.
        data: the block ``scenario``.

    Returns:
        The kind of scenario, and the truth.

    Raises:
        UserError: if it cannot be built.
    """
    kinds = catalogue.scenarios(area)
    data = dict(data)
    name = data.pop("kind", catalogue.usual_scenario(area))
    if name is None:
        problems.missing("kind", (), kinds, ("scenario",))
        problems.stop_if_any()
    problems.name(name, kinds, "kind of scenario", ("scenario", "kind"))
    problems.stop_if_any()
    cls = kinds[name]
    given = overrides(problems, cls, data, ("scenario",), withhold=False)
    for field in dataclasses.fields(cls):
        is_needed = field.default is field.default_factory is dataclasses.MISSING
        if is_needed and field.name not in data:
            problems.missing(field.name, data, field_types(cls), ("scenario",))
    _entries(problems, given, ("scenario",))
    problems.stop_if_any()
    try:
        truth = cls(**given)
        truth.check_truth()
    except _IMPOSSIBLE as error:
        problems.note(("scenario",), _said(error))
        problems.stop_if_any()
    return name, truth


_IMPOSSIBLE = (ArithmeticError, MemoryError, ValueError)
"""What a scenario raises whose fields cannot be so."""


def _said(error: Exception) -> str:
    """Return what is wrong with a scenario's fields; in its own words where it looks for that."""
    if isinstance(error, ValueError):
        return str(error)
    return f"the scenario cannot be made of these fields: {str(error) or 'out of memory'}"


def _entries(problems: Problems, fields: Point, where: Where) -> bool:
    """Note sizes that are too large together, before anything of that size is made.

    Args:
        problems: where mistakes are noted.
        fields: of a scenario.
        where: key path of what is noted.

    Returns:
        Whether they are.
    """
    sizes = {name: value for name, value in fields.items() if type(value) is int}
    of_matrices = [name for name in sizes if name not in limits.IN_TIME]
    factors = [sorted(sizes, key=sizes.__getitem__)[-2:], *([name] * 2 for name in of_matrices)]
    two = max(factors, key=lambda names: math.prod(sizes[name] for name in names))
    too_large = math.prod(sizes[name] for name in two) > limits.ENTRIES
    if too_large:
        product = " × ".join(f"{name} = {sizes[name]}" for name in two)
        problems.note(where, f"{product}: allowed is a product of {limits.ENTRIES}")
    return too_large


def beliefs(
    problems: Problems, truth: Scenario, data: dict[str, dict[str, Any]]
) -> dict[str, dict[str, Any]]:
    """Check what designers assume: for each name, which fields are overridden or withheld.

    Args:
        problems: where mistakes are noted.
        truth: the scenario.
        data: the block ``beliefs``.
    """
    if "full" in data:
        problems.note(("beliefs", "full"), "'full' is the truth itself: use another name")
    return {"full": {}} | {
        name: overrides(problems, type(truth), changes, ("beliefs", name), withhold=True)
        for name, changes in data.items()
    }


def overrides(
    problems: Problems, cls: type[Scenario], data: dict[str, Any], where: Where, *, withhold: bool
) -> dict[str, Any]:
    """Check fields of a scenario, and return those that are right.

    Args:
        problems: where mistakes are noted.
        cls: the kind of scenario.
        data: the fields that are given.
        where: key path of their block.
        withhold: whether one may be withheld with ``null``, as a belief may.
    """
    types = field_types(cls)
    checked = {}
    for name, value in data.items():
        here = (*where, name)
        if not problems.name(name, types, "scenario field", here):
            continue
        if value is None and not withhold:
            problems.note(here, "null: the truth knows every field; give a value")
        elif _too_large(value):
            problems.note(here, f"{value}: allowed are whole numbers up to {limits.SIZE}")
        else:
            checked[name] = problems.value(types[name], value, here)
    return checked


def _too_large(value: Any) -> bool:
    return isinstance(value, int) and abs(value) > limits.SIZE


# Where it is run ----------------------------------------------------------------------------------


def sweep(
    problems: Problems, truth: Scenario, data: Any, key: str, *, sizes: bool = False
) -> list[tuple[Point, int]]:
    """Expand a sweep: a mapping of lists, or a list of such mappings.

    A field that only others of the mappings speak of keeps the scenario's value.

    Args:
        problems: where mistakes are noted.
        truth: the scenario.
        data: the block.
        key: its key, ``sweep`` or ``test_sweep``.
        sizes: whether it may also list sizes of the training set, ``n_train``.

    Returns:
        The points, each with each size that its mapping lists; 0 where it lists none.
    """
    blocks = data if isinstance(data, list) else [data]
    types = field_types(type(truth)) | ({"n_train": Count} if sizes else {})
    swept = distinct(name for b in blocks if isinstance(b, dict) for name in b if name != "n_train")
    base = {name: getattr(truth, name) for name in swept if name in types}
    runs: list[tuple[Point, int]] = []
    n_points = 0
    for i, block in enumerate(blocks):
        where: Where = (key, i) if isinstance(data, list) else (key,)
        if not isinstance(block, dict):
            problems.note(where, f"{shown(block)}: should map fields to lists of values")
            continue
        axes = _axes(problems, types, block, where)
        n_points += math.prod(len(values) for values in axes.values())
        if n_points > limits.POINTS:
            problems.note((key,), f"{n_points} points or more; allowed are {limits.POINTS}")
            return [({}, 0)]
        sizes_here = axes.pop("n_train", [0])
        runs += [(base | point, n) for point in product(axes) for n in sizes_here]
    if not blocks:
        problems.note((key,), "[]: should hold one block or more; leave it out for none")
    return distinct(runs)


def _axes(
    problems: Problems, types: Mapping[str, Any], block: dict[str, Any], where: Where
) -> dict[str, list[Any]]:
    """Check the lists of values of a sweep: of one value or more, and all different."""
    axes: dict[str, list[Any]] = {}
    for name, values in block.items():
        here = (*where, name)
        if not problems.name(name, types, "scenario field", here):
            continue
        if not isinstance(values, list):
            problems.note(here, f"{shown(values)}: should be a list of values")
            continue
        if not values:
            problems.note(here, "[]: should be a list of one or more values")
        places = [(*here, i) for i in range(len(values))]
        problems.no_repeats(values, places)
        for value, place in zip(values, places, strict=True):
            if name != "n_train" and _too_large(value):
                problems.note(place, f"{value}: allowed are whole numbers up to {limits.SIZE}")
        pairs = zip(values, places, strict=True)
        axes[name] = [problems.value(types[name], value, place) for value, place in pairs]
    return axes


def product(axes: Mapping[str, list[Any]]) -> list[Point]:
    """Return all points of these values: one without coordinates, where there is no axis."""
    return [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())]


def combinations(
    problems: Problems,
    truth: Scenario,
    believed: dict[str, dict[str, Any]],
    points: list[Point],
    test_points: list[Point],
) -> None:
    """Note values that are each allowed, and together are not.

    Args:
        problems: where mistakes are noted.
        truth: the scenario.
        believed: what designers assume, by name.
        points: of the sweep.
        test_points: of the test sweep.
    """
    changes: list[tuple[Where, Point]] = [(("sweep",), {})]
    changes += [(("test_sweep",), point) for point in test_points]
    changes += [(("beliefs", name), belief) for name, belief in believed.items()]
    if (n := len(points) * len(changes)) > limits.COMBINATIONS:
        words = f"{n} points of the sweep with points of the test sweep, or beliefs"
        problems.note((), f"{words}; allowed are {limits.COMBINATIONS}")
        problems.stop_if_any()
    for point, (where, change) in itertools.product(points, changes):
        fields = {**point, **change}
        if _entries(problems, {**vars(truth), **fields}, where):
            return
        try:
            dataclasses.replace(truth, **fields)
        except _IMPOSSIBLE as error:
            at = ", ".join(f"{name} = {value}" for name, value in fields.items())
            problems.note(where, f"at {at}: {_said(error)}")
            return


def amount(problems: Problems, frame: Frame, n_runs: int, n_test_points: int) -> None:
    """Note more places, or more blocks of seeds at all of them, than any study has.

    Args:
        problems: where mistakes are noted.
        frame: the top level of the file.
        n_runs: points of the sweep, each with each size of the training set.
        n_test_points: of the test sweep; 0 for none.
    """
    places = n_runs * max(1, n_test_points)
    if places > limits.POINTS:
        words = f"{n_runs} points of the sweep × {n_test_points} of the test sweep"
        problems.note(("test_sweep",), f"{words}; allowed are {limits.POINTS}")
    blocks = -(-frame.seeds // frame.block)
    if places * blocks > limits.SCORINGS:
        words = f"{places} places × {blocks} blocks of seeds"
        problems.note(("seeds",), f"{words}; allowed are {limits.SCORINGS}: choose larger blocks")
    problems.stop_if_any()


def seeds(problems: Problems, frame: Frame) -> None:
    """Note seeds that are no whole number of blocks: more of them shall move no number.

    Args:
        problems: where mistakes are noted.
        frame: the top level of the file.
    """
    n, block = frame.seeds, frame.block
    if n % block:
        few = max(n // block, 1) * block
        message = f"{n} is not a whole number of blocks of {block}: allowed are"
        problems.note(("seeds",), f"{message} {few}, {few + block}")


def measures(problems: Problems, frame: Frame) -> None:
    """Check metrics, bounds and recorded iterations.

    Args:
        problems: where mistakes are noted.
        frame: the top level of the file.
    """
    for i, metric in enumerate(frame.metrics):
        problems.name(metric, catalogue.metrics(frame.area), "metric", ("metrics", i))
    problems.stop_if_any()
    bounds = catalogue.bounds(frame.area)
    for i, bound in enumerate(frame.bounds):
        if problems.name(bound, bounds, "bound", ("bounds", i)):
            measured = bounds[bound].marks["metrics"]
            if not set(measured) & set(frame.metrics):
                words = " or ".join(map(repr, measured))
                message = f"{bound!r} bounds {words}: add that to metrics, or leave it out"
                problems.note(("bounds", i), message)
    for key in ("metrics", "bounds", "trace"):
        listed = getattr(frame, key)
        problems.no_repeats(listed, [(key, i) for i in range(len(listed))])
