"""Means of an experiment as tables: methods down, places across."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mbdl_repro import catalogue
from mbdl_repro.contract.table import distinct
from mbdl_repro.experiments.experiment import Experiment
from mbdl_repro.figures.style import RowStyle
from mbdl_repro.reporting import numbers, tables

if TYPE_CHECKING:
    import pandas as pd

Place = tuple[Any, ...]
"""A value of each column that tells places apart."""


@dataclasses.dataclass(frozen=True)
class Row:
    """A method, or a bound, and its means."""

    label: str
    legend: str
    colour: str
    cells: tuple[str, ...]
    """With half the width of their intervals, as text; empty where nothing was measured."""


@dataclasses.dataclass(frozen=True)
class Table:
    """Means of one metric at all places; or, where there is one place, of all metrics."""

    title: str
    """The metric; empty where the columns are metrics."""
    higher_is_better: bool
    columns: tuple[str, ...]
    """What the lines of the heading are called: columns of the long table; or ``metric``."""
    head: tuple[tuple[str, ...], ...]
    """Of each column of this table, a value for each line of the heading."""
    rows: tuple[Row, ...]


class Means:
    """The means of an experiment's answers, by method, metric and place.

    Args:
        experiment: whose they are.
        table: its summary.
    """

    def __init__(self, experiment: Experiment, table: pd.DataFrame) -> None:
        rows = tables.final(table)
        self.columns = tables.place_columns(experiment, rows)
        sized = rows[rows["n_train"] > 0] if "n_train" in self.columns else rows
        places = sized[self.columns].itertuples(index=False, name=None)
        self.places: list[Place] = distinct(places) if self.columns else [()]
        self._found = {
            (row["method"], row["metric"], *(row[column] for column in self.columns)): (
                row["mean"],
                row["ci_high"] - row["mean"],
            )
            for row in rows.to_dict("records")
        }

    def at(self, label: str, metric: str, place: Place) -> tuple[float, float] | None:
        """Return a mean and half the width of its interval; ``None`` where there is none.

        Args:
            label: of a method, or the name of a bound.
            metric: its name.
            place: one of ``places``.
        """
        # Rows of what does not learn have size 0 and stand beside every size of training set.
        pairs = zip(self.columns, place, strict=True)
        anywhere = tuple(0 if column == "n_train" else value for column, value in pairs)
        here = self._found.get((label, metric, *place))
        return here if here is not None else self._found.get((label, metric, *anywhere))


def higher_is_better(area: str, metric: str) -> bool:
    """Return whether more of a metric is better, as its docstring says; else less of it is.

    Args:
        area: whose metric it is.
        metric: its name.
    """
    return "higher is better" in catalogue.metrics(area)[metric].doc


def tables_of(
    experiment: Experiment, means: Means, styles: Mapping[str, RowStyle]
) -> tuple[Table, ...]:
    """Return a table a metric; where there is but one place, one with a column a metric.

    Args:
        experiment: whose means they are.
        means: of its answers.
        styles: of its methods and bounds, by label, in their order.
    """
    labels = {m: catalogue.metrics(experiment.area)[m].marks["label"] for m in experiment.metrics}
    if not means.columns:
        head = tuple((label,) for label in labels.values())
        cells = {name: [_cell(means, name, m, ()) for m in labels] for name in styles}
        return (Table("", False, ("metric",), head, _rows(cells, styles)),)
    values = tuple(tuple(map(numbers.plain, place)) for place in means.places)
    return tuple(
        Table(
            labels[metric],
            higher_is_better(experiment.area, metric),
            tuple(means.columns),
            values,
            _rows({n: [_cell(means, n, metric, p) for p in means.places] for n in styles}, styles),
        )
        for metric in labels
    )


def _rows(cells: Mapping[str, list[str]], styles: Mapping[str, RowStyle]) -> tuple[Row, ...]:
    """Return the rows that have something to show."""
    return tuple(
        Row(name, styles[name].legend, styles[name].colour, tuple(found))
        for name, found in cells.items()
        if any(found)
    )


def _cell(means: Means, label: str, metric: str, place: Place) -> str:
    found = means.at(label, metric, place)
    return "" if found is None else numbers.number(*found)
