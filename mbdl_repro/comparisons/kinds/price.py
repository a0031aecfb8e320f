"""What an error costs: numbers learned, operations an estimate, seconds to train."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from mbdl_repro.comparisons.drawing import (
    WIDTH,
    colours,
    family_handles,
    finish,
    signed_log,
)
from mbdl_repro.comparisons.kind import KindOfComparison
from mbdl_repro.comparisons.representatives import STRATEGIES
from mbdl_repro.comparisons.sources import OVER, Sources, summed_up
from mbdl_repro.contract.family import Family
from mbdl_repro.statistics.relations import Scale

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

KEYS = ["example", "condition", "model", "family", "method", "n_parameters", "n_train", "data"]
MEETING = ["example", "condition"]
AS_GOOD = {
    Family.MODEL_BASED.title: "hybrid as good as the model-based",
    Family.DEEP_LEARNING.title: "hybrid as good as the black box",
}
"""What the cheapest hybrid is called that is as good as a family, by that family."""
WITHIN_DB = 0.1
"""So much above counts as good."""
PRICES = {
    "n_parameters": "numbers learned",
    "operations": "operations an estimate",
    "train_seconds": "seconds to train",
}
ROW = 1.7
"""Height of a row of panels, in inches."""


class Spec(KindOfComparison):
    """Every method at much data: its error over the model-based one, and what that costs."""

    quantities: ClassVar[dict[str, Scale]] = {
        **dict.fromkeys(OVER, "decibels"),
        **dict.fromkeys(PRICES, "ratio"),
    }
    keys: ClassVar[list[str]] = KEYS

    model: Literal["right", "wrong"] = "wrong"
    """Of the states that are drawn, whether what is believed in them is right."""

    def measured(self, sources: Sources) -> pd.DataFrame:
        """Return a row a family, problem, condition and seed: what stands for it, at much data.

        :data:`AS_GOOD` have a row each, too: the least that a method of model-based deep learning
        costs which is as good, on average.
        """
        import pandas as pd

        families = _at_most_data(sources.families)
        methods = _at_most_data(sources.methods)
        found = [families]
        for reference, title in AS_GOOD.items():
            for _, one in families[families["family"] == reference].groupby(MEETING, sort=False):
                found.append(_cheapest(one, methods).assign(family=title))
        return pd.concat(found, ignore_index=True)

    def summary(self, sources: Sources) -> pd.DataFrame:
        """Return a row a method; ``front_<price>``: whether no cheaper one is better."""
        rows = _at_most_data(sources.methods)
        prices = [name for name in PRICES if name not in KEYS]
        table = summed_up(rows, [*KEYS, *prices])
        for price in PRICES:
            table[f"front_{price}"] = False
            for _, here in table.groupby(["example", "condition"], sort=False):
                best = on_front(here[price].to_numpy(float), here["over_baseline"].to_numpy(float))
                table.loc[here.index[best], f"front_{price}"] = True
        return table

    def draw(self, table: pd.DataFrame) -> Figure:
        """Draw a row of panels a problem, a column a price, with the front of each as a line."""
        from matplotlib import pyplot as plt

        table = table[table["model"] == self.model]
        groups = list(table.groupby(["example", "condition"], sort=False))
        figure, grid = plt.subplots(
            len(groups),
            len(PRICES),
            figsize=(WIDTH, ROW * len(groups) + 1.1),
            sharey="row",
            sharex="col",
            squeeze=False,
        )
        for row, ((example, condition), rows) in zip(grid, groups, strict=True):
            for axes, price in zip(row, PRICES, strict=True):
                _draw(axes, rows, price)
            row[0].set_title(f"{example}: {condition}")
        for axes, label in zip(grid[-1], PRICES.values(), strict=True):
            axes.set_xlabel(label)
        handles = family_handles(table["family"], bound=False)
        finish(figure, handles, "error over the model-based (dB), at much data")
        return figure


def _at_most_data(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows at the largest size of training, or without."""
    return rows[rows["data"].isin(["much", "none"])]


def _cheapest(reference: pd.DataFrame, methods: pd.DataFrame) -> pd.DataFrame:
    """Return the reference's rows with the least of each price of hybrids that are as good."""
    first = reference.iloc[0]
    hybrids = {family.title for family in STRATEGIES["model-based deep learning"]}
    here = methods["family"].isin(hybrids)
    for column in MEETING:
        here &= methods[column] == first[column]
    prices = methods[here].groupby("method")[["over_baseline", *PRICES]].mean()
    good = prices[prices["over_baseline"] <= reference["over_baseline"].mean() + WITHIN_DB]
    return reference.iloc[: len(reference) * bool(len(good))].assign(**good[list(PRICES)].min())


def on_front(price: np.ndarray, error: np.ndarray) -> np.ndarray:
    """Return which of some points no other one beats: cheaper or as cheap, and better.

    Args:
        price: (n,); NaN is on no front.
        error: (n,), of which less is better.
    """
    known = np.isfinite(price) & np.isfinite(error)
    beaten = (price[None] <= price[:, None]) & (error[None] < error[:, None])
    beaten |= (price[None] < price[:, None]) & (error[None] <= error[:, None])
    return known & ~(beaten & known[None]).any(1)


def _draw(axes: Axes, rows: pd.DataFrame, price: str) -> None:
    least = {"n_parameters": 1.0}.get(price, 0.0)
    x = rows[price].to_numpy(float) + least
    y = rows["over_baseline"].to_numpy(float)
    shown = x > 0
    colour = rows["family"].map(colours()).to_numpy()
    axes.scatter(x[shown], y[shown], c=colour[shown], s=18, zorder=3, edgecolor="white", lw=0.3)
    front = rows[f"front_{price}"].to_numpy() & shown
    order = np.argsort(x[front])
    axes.plot(x[front][order], y[front][order], color="#999999", lw=1.0, drawstyle="steps-post")
    axes.set_xscale("log")
    signed_log(axes)
    axes.axhline(0, color=colours()[Family.MODEL_BASED.title], lw=0.8, zorder=1)
    axes.margins(x=0.08)
