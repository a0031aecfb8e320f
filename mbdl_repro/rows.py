"""Rows: everything that is measured, a bound included, is a row of one long table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from mbdl_repro.family import Family

if TYPE_CHECKING:
    from mbdl_repro.experiment import Experiment, Fit, Point

N_EXAMPLES = 3
"""Test signals of the first seed whose estimates are kept for illustrations."""


def measured(values: np.ndarray | tuple[np.ndarray, np.ndarray] | float) -> dict[str, Any]:
    """Return the mean over test rows, its standard error, and how many rows there were.

    A pair (a, b) stands for the ratio of sums ``sum(a) / sum(b)``, whose standard error is that
    of the linearized ratio. A number is exact: its standard error is zero.
    """
    if isinstance(values, tuple):
        a, b = values
        ratio = a.sum() / b.sum()
        return {
            "value": ratio,
            "standard_error": _standard_error((a - ratio * b) / b.mean()),
            "n_test": len(a),
        }
    values = np.asarray(values, dtype=float)
    if values.ndim == 0:
        return {"value": float(values), "standard_error": 0.0, "n_test": 0}
    return {
        "value": values.mean(),
        "standard_error": _standard_error(values),
        "n_test": len(values),
    }


def rows_of(
    experiment: Experiment,
    fit: Fit,
    test_point: Point,
    label: str,
    family: Family,
    belief: str,
    columns: Mapping[str, np.ndarray],
) -> list[dict[str, Any]]:
    """Return measured columns as rows of the long table."""
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
