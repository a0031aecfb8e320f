"""Panels of the figure: their keys, and the places of the table that they speak of."""

from __future__ import annotations

from typing import Any

from mbdl_repro import catalogue, figures
from mbdl_repro.contract.table import distinct, same
from mbdl_repro.experiments.experiment import Experiment
from mbdl_repro.experiments.messages import Problems, shown
from mbdl_repro.experiments.schema import Role
from mbdl_repro.experiments.strict_yaml import Where
from mbdl_repro.figures.over import kind_of


def panel(problems: Problems, experiment: Experiment, data: dict[str, Any], i: int) -> Any:
    """Check a panel of the figure: its kind's own keys, and the names that it uses.

    Args:
        problems: where mistakes are noted.
        experiment: what is run.
        data: the panel's keys.
        i: its place in the figure.

    Returns:
        The panel's specification; None if a key is not what it should be.
    """
    where: Where = ("figure", "panels", i)
    kinds = figures.panel_kinds()
    if "kind" not in data:
        problems.missing("kind", (), kinds, where)
        return None
    kind = data["kind"]
    if not problems.name(kind, kinds, "kind of panel", (*where, "kind")):
        return None
    given = {key: value for key, value in data.items() if key != "kind"}
    spec = problems.block(kinds[kind], given, where, also=["kind"])
    if spec is None:
        return None
    _names(problems, experiment, spec, where)
    place(problems, experiment, getattr(spec, "where", {}), (*where, "where"))
    if not problems and spec.reads != "table":
        _stored(problems, experiment, spec, where)
    if not problems and hasattr(spec, "y"):
        _one_line(problems, experiment, spec, where)
    return spec


def role(problems: Problems, experiment: Experiment, data: dict[str, Any], i: int) -> Role | None:
    """Check a role that an experiment has in comparisons.

    Args:
        problems: where mistakes are noted.
        experiment: what is run, with its panels.
        data: the role's keys.
        i: its place in the list of roles.

    Returns:
        The role; None if a key is not what it should be.
    """
    where: Where = ("roles", i)
    role: Role | None = problems.block(Role, data, where)
    if role is None:
        return None
    compared = {panel.title: panel for panel in experiment.panels if getattr(panel, "over", None)}
    for condition, title in role.panels.items():
        known = problems.name(title, compared, "panel with over", (*where, "panels", condition))
        if not known or not role.higher_is_better:
            continue
        marks = catalogue.metrics(experiment.area)[compared[title].y].marks
        kind = kind_of(marks["label"], decibels=marks["decibels"])
        if kind in ("square", "root"):
            words = f"{compared[title].y} compares by ratios: less of it has to be better"
            problems.note((*where, "higher_is_better"), words)
    if role.bound is not None:
        rows = [*experiment.methods, *experiment.bounds]
        problems.name(role.bound, rows, "method or bound", (*where, "bound"))
    return role


def _names(problems: Problems, experiment: Experiment, spec: Any, where: Where) -> None:
    """Note columns, metrics, methods and bounds that are not those of the table."""
    along = any(experiment.recorded(label) for label in experiment.methods)
    columns = [*experiment.columns, *(["iteration"] if along else [])]
    rows = [*experiment.methods, *experiment.bounds]
    for key, allowed, noun in (
        ("x", columns, "column"),
        ("shades", columns, "column"),
        ("y", experiment.metrics, "metric"),
        ("also", experiment.metrics, "metric"),
        ("methods", experiment.methods, "method"),
        ("bounds", experiment.bounds, "bound"),
        ("focus", rows, "method or bound"),
        ("over", rows, "method or bound"),
    ):
        values = getattr(spec, key, None)
        if isinstance(values, str):
            problems.name(values, allowed, noun, (*where, key))
        for j, value in enumerate(values if isinstance(values, list) else []):
            problems.name(value, allowed, noun, (*where, key, j))


def place(problems: Problems, experiment: Experiment, at: dict[str, Any], where: Where) -> None:
    """Check that a point, or points, that are spoken of are run.

    Args:
        problems: where mistakes are noted.
        experiment: what is run.
        at: values, or lists of values, of the table's columns.
        where: their key path.
    """
    columns = experiment.columns
    for name, given in at.items():
        here = (*where, name)
        if not problems.name(name, columns, "column", here):
            continue
        allowed = ", ".join(map(str, columns[name]))
        if given == []:
            problems.note(here, f"[]: should be one value or more; allowed: {allowed}")
        for i, value in enumerate(given if isinstance(given, list) else [given]):
            if not any(same(value, other) for other in columns[name]):
                message = f"{name} = {shown(value)} is not run; allowed: {allowed}"
                problems.note((*here, i) if isinstance(given, list) else here, message)


def _stored(problems: Problems, experiment: Experiment, spec: Any, where: Where) -> None:
    """Note a method that has no such place as the panel shows, or no training."""
    for j, label in enumerate(spec.methods):
        here = (*where, "methods", j)
        if spec.reads == "history":
            if not experiment.methods[label].info.learns:
                message = f"{label!r} learns nothing: there is no training history to show"
                problems.note(here, message)
            continue
        places = experiment.n_places(label)
        if spec.place >= places:
            words = f"{spec.place}: {label!r} is scored at {places}; allowed is 0 to"
            problems.note((*where, "place"), f"{words} {places - 1}")


def _one_line(problems: Problems, experiment: Experiment, spec: Any, where: Where) -> None:
    """Note a panel that leaves open which of several rows stands at a place on its x axis."""
    rows = [r for r in experiment.places if all(same(r[k], v) for k, v in spec.where.items())]
    along = getattr(spec, "x", None) or getattr(spec, "shades", None) or ""
    for value in distinct(row.get(along) for row in rows):
        here = [row for row in rows if row.get(along) == value]
        rest = distinct({k: v for k, v in row.items() if k != along} for row in here)
        if open_columns := [k for k in rest[0] if len(distinct(r[k] for r in rest)) > 1]:
            problems.note(
                where,
                f"{', '.join(open_columns)} has several values here, and is not x: "
                f"choose one, as in where: {{{open_columns[0]}: {rest[0][open_columns[0]]}}}",
            )
            return
