"""Rows: everything that is measured, a bound included, is a row of one long table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from mbdl_repro.contract.family import Family
from mbdl_repro.contract.table import QUANTILES

if TYPE_CHECKING:
    from mbdl_repro.contract.table import Point
    from mbdl_repro.experiments.experiment import Experiment, Fit


def measured(
    values: np.ndarray | tuple[np.ndarray, np.ndarray] | float, marks: Mapping[str, Any] = {}
) -> dict[str, Any]:
    """Return the mean over test rows, its standard error, and how many rows there were.

    A pair (a, b) stands for the ratio of sums ``sum(a) / sum(b)``, whose standard error is that
    of the linearized ratio. A number is exact: its standard error is zero.

    Args:
        values: what a metric or bound returned.
        marks: words of the metric's decorator (see :func:`mbdl_repro.contract.measure.metric`).
    """
    with np.errstate(divide="ignore", invalid="ignore"):  # of what is infinite, or 0 in dB
        value, error, n = _summary(values, marks.get("summary", "mean"))
        if marks.get("decibels", False):
            error *= 10 / np.log(10) / value if value > 0 else np.nan
            value = 10 * np.log10(value)
    return {"value": float(value), "standard_error": float(error), "n_test": n}


def _summary(
    values: np.ndarray | tuple[np.ndarray, np.ndarray] | float, summary: str
) -> tuple[float, float, int]:
    """Return what is reported of the rows' values, its standard error, and their number."""
    if isinstance(values, tuple):
        a, b = values
        ratio = a.sum() / b.sum()
        return ratio, _standard_error((a - ratio * b) / b.mean()), len(a)
    values = np.asarray(values, dtype=float)
    if values.ndim == 0:
        return float(values), 0.0, 0
    if summary in QUANTILES:
        level = QUANTILES[summary]
        error = _standard_error_of_quantile(values, level)
        return float(np.quantile(values, level)), error, len(values)
    return values.mean(), _standard_error(values), len(values)


def rows_of(
    experiment: Experiment,
    fit: Fit,
    test_point: Point,
    label: str,
    family: Family,
    belief: str,
    columns: Mapping[str, np.ndarray],
) -> list[dict[str, Any]]:
    """Return measured columns as rows of the long table.

    Args:
        experiment: that they belong to.
        fit: the point and the size of the training set.
        test_point: where off that point it was measured; empty: at it.
        label: of the method or bound.
        family: its place on the continuum.
        belief: name of the assumed model.
        columns: what was measured, each (k,), by the names of the table's other columns.
    """
    fixed = {
        "experiment": experiment.name,
        "scenario": experiment.scenario_name,
        **fit.point,
        **{f"test_{name}": value for name, value in test_point.items()},
        "n_train": fit.n_train,
        "method": label,
        "family": family.title,
        "belief": belief,
    }
    order = ["n_parameters", "seed", "iteration", "metric", "value", "standard_error", "n_test"]
    values = zip(*(columns[name].tolist() for name in order), strict=True)
    return [fixed | dict(zip(order, row, strict=True)) for row in values]


def _standard_error(values: np.ndarray) -> float:
    return float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else np.nan


def _standard_error_of_quantile(values: np.ndarray, level: float) -> float:
    """Return a quarter of the distance of the order statistics two deviations off the quantile."""
    n = len(values)
    off = 2 * np.sqrt(n * level * (1 - level))  # of the rank, which is binomial (n, level)
    low, high = np.clip(np.round([n * level - off, n * level + off]), 0, n - 1).astype(int)
    ordered = np.sort(values)
    return float(ordered[high] - ordered[low]) / 4 if n > 1 else np.nan
