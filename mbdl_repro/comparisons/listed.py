"""What comparison files list of single experiments: rows of their tables, at a place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mbdl_repro import catalogue
from mbdl_repro.contract.table import same
from mbdl_repro.errors import UserError, one_of
from mbdl_repro.experiments.experiment import Experiment
from mbdl_repro.figures.over import Kind, kind_of

if TYPE_CHECKING:
    import pandas as pd


def values_at(
    rows: pd.DataFrame, experiment: Experiment, metric: str, at: Mapping[str, Any]
) -> pd.DataFrame:
    """Return a metric of each method and bound at a place, a column each, a row a seed.

    Of methods that learn, the answers from the largest training set count.

    Args:
        rows: of the experiment, a row a seed.
        experiment: whose rows they are.
        metric: its name.
        at: values of the table's columns.

    Raises:
        UserError: if the experiment has no such metric or column, or a seed has several values.
    """
    if metric not in experiment.metrics:
        raise UserError(f"{experiment.name} has no metric {metric!r}; "
                        f"{one_of(metric, experiment.metrics)}")  # fmt: skip
    here = (rows["metric"] == metric) & rows["iteration"].isna()
    for column, value in at.items():
        if column not in experiment.columns:
            raise UserError(f"{experiment.name} has no column {column!r}; "
                            f"{one_of(column, experiment.columns)}")  # fmt: skip
        here &= rows[column].map(lambda other, value=value: same(other, value))
    rows = rows[here]
    found = rows[rows["n_train"] == rows.groupby(["method", "seed"])["n_train"].transform("max")]
    if (twice := found.duplicated(["method", "seed"])).any():
        one = found["method"][twice].iloc[0]
        apart = [c for c in experiment.columns if found[found["method"] == one][c].nunique() > 1]
        raise UserError(f"{experiment.name}: {one} has several values a seed at {dict(at)}: "
                        f"name those of {', '.join(apart)}, too")  # fmt: skip
    return found.pivot(index="seed", columns="method", values="value")


def how_compared(experiment: Experiment, metric: str) -> Kind:
    """Return how values of a metric compare.

    Args:
        experiment: that has it.
        metric: its name.
    """
    marks = catalogue.metrics(experiment.area)[metric].marks
    return kind_of(marks["label"], decibels=marks["decibels"])


def known(experiments: Mapping[str, Experiment], name: str) -> Experiment:
    """Return the experiment of a name.

    Args:
        experiments: all, by name.
        name: the one that is asked for.

    Raises:
        UserError: if there is none.
    """
    if name not in experiments:
        raise UserError(f"no experiment {name!r}; {one_of(name, experiments)}")
    return experiments[name]
