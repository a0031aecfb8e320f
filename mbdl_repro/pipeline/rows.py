"""Rows: everything that is measured, a bound included, is a row of one long table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from mbdl_repro.contract.table import QUANTILES

if TYPE_CHECKING:
    import pandas as pd

    from mbdl_repro.contract.table import Point
    from mbdl_repro.experiments.experiment import Fit


N_GROUPS = 10
"""Groups of a seed's test signals without each of which its value is computed again."""

FEWEST = 100
"""Test signals of which groups are large enough to tell how a median moves."""

WITHOUT = [f"without_{group}" for group in range(N_GROUPS)]
"""Columns of these values, in rows of what differs from seed to seed by test signals alone."""

Values = np.ndarray | tuple[np.ndarray, np.ndarray] | float


def measured(
    values: Values, marks: Mapping[str, Any] = {}, *, grouped: bool = False
) -> dict[str, Any]:
    """Return the mean over test rows, its standard error, and how many rows there were.

    A pair (a, b) stands for the ratio of sums ``sum(a) / sum(b)``, whose standard error is that
    of the linearized ratio. A number is exact: its standard error is zero.

    Args:
        values: what a metric or bound returned.
        marks: words of the metric's decorator (see :func:`mbdl_repro.contract.measure.metric`).
        grouped: whether to add ``without``, the same mean without each of :data:`N_GROUPS` groups
            of the rows, every tenth in one; NaN for fewer than :data:`FEWEST` rows.
    """
    summary = marks.get("summary", "mean")
    with np.errstate(divide="ignore", invalid="ignore"):  # of what is infinite, or 0 in dB
        value, error, n = _summary(values, summary)
        without = _without_groups(values, summary) if grouped else np.empty(0)
        if marks.get("decibels", False):
            error *= 10 / np.log(10) / value if value > 0 else np.nan
            value, without = 10 * np.log10(value), 10 * np.log10(without)
    known = {"value": float(value), "standard_error": float(error), "n_test": n}
    return known | ({"without": without} if grouped else {})


def _summary(values: Values, summary: str) -> tuple[float, float, int]:
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


def _without_groups(values: Values, summary: str) -> np.ndarray:
    """Return what is reported of the rows' values without each group of them (G,)."""
    parts = values if isinstance(values, tuple) else (np.asarray(values, dtype=float),)
    n = parts[0].size
    if parts[0].ndim == 0 or n < FEWEST:
        return np.full(N_GROUPS, np.nan)
    if not isinstance(values, tuple) and summary in QUANTILES:
        groups = np.arange(n) % N_GROUPS
        level = QUANTILES[summary]
        return np.array([np.quantile(parts[0][groups != g], level) for g in range(N_GROUPS)])
    # The rest of a sum, of each part; of a mean, the other part counts rows.
    left = [part.sum() - _sums(part) for part in (*parts, np.ones(n))]
    return left[0] / left[1]


def _sums(values: np.ndarray) -> np.ndarray:
    """Return the sum of each group of rows (G,)."""
    return np.array([values[group::N_GROUPS].sum() for group in range(N_GROUPS)])


def rows_of(
    fit: Fit, test_point: Point, label: str, columns: Mapping[str, np.ndarray]
) -> list[dict[str, Any]]:
    """Return measured columns as rows of the long table.

    Args:
        fit: the point and the size of the training set.
        test_point: where off that point it was measured; empty: at it.
        label: of the method or bound.
        columns: what was measured, each (k,), by the names of the table's other columns; and
            perhaps the values without groups of test signals, ``without`` (k, G).
    """
    fixed = {
        **fit.point,
        **{f"test_{name}": value for name, value in test_point.items()},
        "n_train": fit.n_train,
        "method": label,
    }
    order = ["n_parameters", "seed", "iteration", "metric", "value", "standard_error", "n_test"]
    measured = [columns[name].tolist() for name in order]
    if "without" in columns:
        order, measured = order + WITHOUT, measured + columns["without"].T.tolist()
    return [fixed | dict(zip(order, row, strict=True)) for row in zip(*measured, strict=True)]


def rounded(value: float, digits: int = 8) -> float:
    """Return a number with so many digits: others may be different on another machine.

    Args:
        value: NaN and infinity stay what they are.
        digits: that count, from the first that is not zero.
    """
    return float(f"{value:.{digits}g}")


def groups_of(rows: pd.DataFrame) -> dict[str, np.ndarray]:
    """Return the values without groups of test signals of those rows that have them.

    Args:
        rows: of the long table, with the columns :data:`WITHOUT` or without.

    Returns:
        ``row``, the places of these rows in the table (k,), and ``without`` (k, G), both small.
    """
    without = _groups_in(rows)
    has = np.flatnonzero(np.isfinite(without).all(1))
    return {"row": has.astype(np.int32), "without": without[has].astype(np.float32)}


def with_groups(rows: pd.DataFrame, groups: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """Return rows with the columns :data:`WITHOUT`, NaN where a row has no groups.

    Args:
        rows: of the long table.
        groups: as :func:`groups_of` returns them, of the same rows.
    """
    without = np.full((len(rows), N_GROUPS), np.nan)
    without[groups["row"]] = groups["without"]
    return rows.assign(**dict(zip(WITHOUT, without.T, strict=True)))


def repetitions_in(rows: pd.DataFrame) -> np.ndarray | None:
    """Return the values without groups of test signals (k, G) of what nothing else makes random.

    An exact number is the same without any of them. None where the rows have no groups.

    Args:
        rows: of one place, a row a seed, as :func:`with_groups` returns them.
    """
    values = rows["value"].to_numpy(dtype=float)
    exact = (rows["n_test"].to_numpy() == 0) & (values == values[:1])
    without = np.where(exact[:, None], values[:, None], _groups_in(rows))
    return without if np.isfinite(without).all() else None


def _groups_in(rows: pd.DataFrame) -> np.ndarray:
    """Return the values without groups of test signals of each row (k, G), NaN where none."""
    return rows.reindex(columns=WITHOUT).to_numpy(dtype=float)


def _standard_error(values: np.ndarray) -> float:
    return float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else np.nan


def _standard_error_of_quantile(values: np.ndarray, level: float) -> float:
    """Return a quarter of the distance of the order statistics two deviations off the quantile."""
    n = len(values)
    off = 2 * np.sqrt(n * level * (1 - level))  # of the rank, which is binomial (n, level)
    low, high = np.clip(np.round([n * level - off, n * level + off]), 0, n - 1).astype(int)
    ordered = np.sort(values)
    return float(ordered[high] - ordered[low]) / 4 if n > 1 else np.nan
