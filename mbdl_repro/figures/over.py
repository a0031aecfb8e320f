"""The rows of a table against those of one method or bound, paired by seed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mbdl_repro.statistics.intervals import mean_interval

if TYPE_CHECKING:
    import pandas as pd

SHARES = ("SSIM", "share")
"""Beginnings of the labels of metrics of which differences tell more than ratios do."""


def factor_of(label: str) -> float | None:
    """Return by what the logarithm of a metric's ratio is multiplied, for decibels.

    Args:
        label: what axes call the metric, with its unit.

    Returns:
        10 for squares, 20 for their roots; ``None`` where values are compared by their difference.
    """
    if "(dB)" in label or label.startswith(SHARES):
        return None
    return 20.0 if "(rad)" in label or label.startswith("root") else 10.0


def label_of(label: str, reference: str) -> str:
    """Return what the axis of a comparison is called.

    Args:
        label: what axes call the metric, with its unit.
        reference: the legend of what it is compared with.
    """
    bare, _, unit = label.partition(" (")
    if factor_of(label) is None:
        unit = f" (dB{unit.removeprefix('dB)')})" if unit else ""
        return f"{bare}, less that of {reference}{unit}"
    return f"{bare}, over that of {reference} (dB)"


def compared(own: Any, reference: Any, factor: float | None) -> Any:
    """Return values over others, or less them.

    Args:
        own: of any shape, in the metric's unit.
        reference: of the same shape and unit.
        factor: see :func:`factor_of`.
    """
    if factor is None:
        return own - reference
    with np.errstate(divide="ignore", invalid="ignore"):
        return factor * np.log10(own / reference)


def paired(own: pd.DataFrame, reference: pd.DataFrame, factor: float | None) -> pd.DataFrame:
    """Return the mean of paired comparisons at each place, with its interval.

    What does not depend on a column stands beside each of its values: a bound beside each size of
    training, an answer beside each iteration.

    Args:
        own: a row a place, seed and iteration, of one method and metric.
        reference: the same of what it is compared with.
        factor: see :func:`factor_of`.

    Returns:
        The columns of places, ``iteration``, ``mean``, ``ci_low`` and ``ci_high``.
    """
    import pandas as pd

    places = [*own.columns[: own.columns.get_loc("method")], "iteration"]
    on = [c for c in places if c not in ("n_train", "iteration")]
    if "n_train" in places and (own["n_train"] > 0).any() and (reference["n_train"] > 0).any():
        on.append("n_train")
    if own["iteration"].notna().any():
        # Each iterate beside that of the same number, or else beside the answer.
        if reference["iteration"].notna().any():
            on.append("iteration")
        else:
            reference = reference[reference["iteration"].isna()]
    both = own.merge(reference, on=[*on, "seed"], suffixes=("", "_of_reference"))
    for column in ("n_train", "iteration"):
        if f"{column}_of_reference" in both:
            theirs = both[f"{column}_of_reference"]
            both[column] = both[column].where(both[column].fillna(0) > 0, theirs)
    both["difference"] = compared(both["value"], both["value_of_reference"], factor)
    found = []
    for place, values in both.groupby(places, dropna=False, sort=False)["difference"]:
        interval = mean_interval(values.to_numpy(float))
        ends = (interval.mean, interval.low, interval.high)
        found.append((*place, *ends))
    return pd.DataFrame(found, columns=[*places, "mean", "ci_low", "ci_high"])
