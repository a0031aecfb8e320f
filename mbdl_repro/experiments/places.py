"""Which places of a sweep a scale runs, and where on them each panel of the figure then stands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mbdl_repro.contract.table import Point, distinct, same
from mbdl_repro.experiments.experiment import Experiment

Run = tuple[Point, int]
"""A point of the sweep, and a size of the training set."""

Spot = tuple[Point, int, Point]
"""A run, and the test point, which is empty where there is none."""


def fewer_places(experiment: Experiment, most: int | None) -> tuple[list[Run], list[Point]]:
    """Return the runs and test points that are left where each has few values.

    Every panel keeps a place that it shows something of, even if there are then more values. Up to
    the number allowed others stay, the first and the last before those between.

    Args:
        experiment: as its file has it, with its panels.
        most: values of the sweep's points, of sizes of the training set, and of test points.
    """
    if most is None:
        return experiment.runs, experiment.test_points
    runs: list[Run] = []
    tests: list[Point] = []

    def added(spot: Spot) -> int:
        return (spot[:2] not in runs) + (spot[2] not in tests)

    for panel in experiment.panels:
        if shown := _shown(experiment, panel):
            point, n, test = min(shown, key=added)
            runs = distinct([*runs, (point, n)])
            tests = distinct([*tests, test])
    points = _filled([point for point, _ in runs], experiment.points, most)
    sizes = _filled([n for _, n in runs], distinct(n for _, n in experiment.runs), most)
    tests = _filled(tests, experiment.test_points, most)
    return (
        [run for run in experiment.runs if run in runs or (run[0] in points and run[1] in sizes)],
        [test for test in experiment.test_points if test in tests],
    )


def moved_panel(
    panel: Any, experiment: Experiment, capped: Experiment, smaller: Callable[[Point], Point]
) -> Any:
    """Return a panel that shows at a scale what it shows of the whole experiment.

    Its title says which sizes are shown in place of larger ones.

    Args:
        panel: as the file has it.
        experiment: as its file has it.
        capped: of which no more is run than the scale allows.
        smaller: returns values of columns of the table with the sizes that are run instead.
    """
    changes: dict[str, Any] = {}
    if panel.reads == "examples":
        point, n, test = _stored(experiment, panel)[panel.place]
        there = (smaller(point), smaller({"n_train": n})["n_train"], smaller(test))
        last = min(capped.n_places(label) for label in panel.methods) - 1
        changes["place"] = min(_stored(capped, panel).index(there), last)
    where = smaller(panel.where)
    if where != panel.where:
        here = [f"{name} = {v}" for name, v in where.items() if v != panel.where[name]]
        changes |= {"where": where, "title": f"{panel.title}\n(here {', '.join(here)})"}
    return panel.model_copy(update=changes)


def spread(values: list[Any], most: int | None) -> list[Any]:
    """Return at most so many of the values: the first, the last and those between, or the middle.

    Args:
        values: in their order.
        most: how many; None: all.
    """
    if most is None or len(values) <= most:
        return values
    if most == 1:
        return [values[len(values) // 2]]
    step = (len(values) - 1) / (most - 1)
    return [values[round(i * step)] for i in range(most)]


def _filled(needed: list[Any], values: list[Any], most: int) -> list[Any]:
    """Return what is needed, and others of the values as long as there are not so many."""
    kept = distinct(needed)
    others = [value for value in spread(values, most) if value not in kept]
    return kept + others[: max(0, most - len(kept))]


def _shown(experiment: Experiment, panel: Any) -> list[Spot]:
    """Return all spots that a panel shows something of."""
    if panel.reads == "examples":
        point, size, test = _stored(experiment, panel)[panel.place]
        sizes = [n for other, n in experiment.runs if other == point]
        return [(point, size if size in sizes else sizes[0], test)]
    tests = experiment.test_points or [{}]
    spots = [(point, n, test) for point, n in experiment.runs for test in tests]
    return [
        spot
        for spot, place in zip(spots, experiment.places, strict=True)
        if all(same(place[column], value) for column, value in panel.where.items())
        and _is_on_the_axis(panel, place)
    ]


def _is_on_the_axis(panel: Any, place: Point) -> bool:
    """Return whether a place has one on the panel's x axis, where logarithmic ones have no zero."""
    x = place.get(getattr(panel, "x", ""))
    return x is None or x > 0 or panel.x_scale == "linear"


def _stored(experiment: Experiment, panel: Any) -> list[Spot]:
    """Return the spots of which a panel's methods store examples, in the order of their places.

    They are those of the method that has most, of equals of one that learns; of one that does not,
    the size is 0.
    """
    learns = {label: experiment.methods[label].info.learns for label in panel.methods}
    label = max(panel.methods, key=lambda label: (experiment.n_places(label), learns[label]))
    scorings = [(fit, test) for fit, test in experiment.scorings(label) if fit.seeds[0] == 0]
    return distinct((fit.point, fit.n_train, test) for fit, test in scorings)
