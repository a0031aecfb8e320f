"""The rows of a table against those of one method or bound, paired by seed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from numpy.typing import NDArray

from mbdl_repro.statistics.intervals import mean_interval

if TYPE_CHECKING:
    import pandas as pd

Kind = Literal["square", "root", "decibels", "difference"]
"""How a metric is compared: by the ratio of squares, or of their roots, in dB; by the ratio of what
is given in dB and averaged as the ratio that it stands for; by the plain difference."""
PER_RATIO: Mapping[Kind, float] = {"square": 10.0, "root": 20.0, "decibels": 10.0}
"""By what the logarithm of a ratio is multiplied, for decibels."""
SHARES = ("SSIM", "share")
"""Beginnings of the labels of metrics of which differences tell more than ratios do."""


def kind_of(label: str, *, decibels: bool) -> Kind:
    """Return how a metric is compared.

    Args:
        label: what axes call the metric, with its unit.
        decibels: whether it is in dB, and averaged as the ratio that it stands for.
    """
    if decibels:
        return "decibels"
    if "(dB)" in label or label.startswith(SHARES):
        return "difference"
    return "root" if "(rad)" in label or label.startswith("root") else "square"


def label_of(label: str, kind: Kind, reference: str) -> str:
    """Return what the axis of a comparison is called.

    Args:
        label: what axes call the metric, with its unit.
        kind: how it is compared.
        reference: the legend of what it is compared with.
    """
    bare, _, unit = label.partition(" (")
    if kind == "difference":
        return f"{bare}, less that of {reference}{' (dB)' if unit else ''}"
    return f"{bare}, over that of {reference} (dB)"


def compared(own: float, reference: float, kind: Kind) -> float:
    """Return a value over another in dB, or less it.

    Args:
        own: in the metric's unit.
        reference: in the same unit.
        kind: how it is compared.
    """
    if kind in ("difference", "decibels"):
        return own - reference
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(PER_RATIO[kind] * np.log10(np.float64(own) / reference))


def interval_over(
    own: Annotated[NDArray[np.float64], "(n,)"],
    reference: Annotated[NDArray[np.float64], "(n,)"],
    kind: Kind,
) -> tuple[float, float, float]:
    """Return the comparison of two means over the same seeds, and its interval.

    Ratios are those of means, c log₁₀(m / m'), with the half-width c / ln 10 of the mean over seeds
    of v / m - v' / m', to first order: what both have in common cancels.

    Args:
        own: a value a seed, in the metric's unit.
        reference: of the same seeds, in the same unit.
        kind: how they are compared.
    """
    if kind == "difference":
        found = mean_interval(own - reference)
        return found.mean, found.low, found.high
    if kind == "decibels":
        own, reference = 10 ** (own / 10), 10 ** (reference / 10)
    means = own.mean(), reference.mean()
    middle = compared(*means, "root" if kind == "root" else "square")
    parts = own / means[0] - reference / means[1]
    spread = mean_interval(np.zeros_like(parts) if np.allclose(parts, 0, atol=1e-12) else parts)
    half = PER_RATIO[kind] / np.log(10) * (spread.high - spread.mean)
    return middle, middle - half, middle + half


def paired(own: pd.DataFrame, reference: pd.DataFrame, kind: Kind) -> pd.DataFrame:
    """Return the comparison over seeds at each place, with its interval.

    What does not depend on a column stands beside each of its values: a bound beside each size of
    training, an answer beside each iteration.

    Args:
        own: a row a place, seed and iteration, of one method and metric.
        reference: the same of what it is compared with.
        kind: how they are compared.

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
    # Of what looks at no pairs the size is 0; of an answer, which is no iterate, it is missing.
    if "n_train_of_reference" in both:
        both["n_train"] = both["n_train"].where(both["n_train"] > 0, both["n_train_of_reference"])
    if "iteration_of_reference" in both:
        both["iteration"] = both["iteration"].fillna(both["iteration_of_reference"])
    found = []
    for place, rows in both.groupby(places, dropna=False, sort=False):
        values, others = rows["value"].to_numpy(float), rows["value_of_reference"].to_numpy(float)
        found.append((*place, *interval_over(values, others, kind)))
    return pd.DataFrame(found, columns=[*places, "mean", "ci_low", "ci_high"])
