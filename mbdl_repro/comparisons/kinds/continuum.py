"""The continuum, measured: knowledge used against numbers learned, and what it costs in error."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from mbdl_repro.comparisons.drawing import WIDTH
from mbdl_repro.comparisons.kind import KindOfComparison
from mbdl_repro.comparisons.sources import OVER, Sources, summed_up
from mbdl_repro.comparisons.standing import KNOWLEDGE
from mbdl_repro.statistics.relations import Scale

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

KEYS = ["example", "condition", "model", "family", "method", "knowledge", "n_parameters", "data"]
AMOUNTS = {"little": "little data", "much": "much data"}
MARKERS = {"right": "o", "wrong": "X"}
EDGE = "#444444"
PALETTE = "RdBu_r"
MOST = 6.0
"""Decibels at which colours end."""


class Spec(KindOfComparison):
    """Every method of every problem: what it knows, how much it learns, and how far off it is."""

    quantities: ClassVar[dict[str, Scale]] = dict.fromkeys(OVER, "decibels")
    keys: ClassVar[list[str]] = KEYS

    def measured(self, sources: Sources) -> pd.DataFrame:
        """Return a row a method, problem, condition, size of training and seed."""
        return sources.methods

    def summary(self, sources: Sources) -> pd.DataFrame:
        """Return the means over seeds."""
        return summed_up(sources.methods, KEYS)

    def draw(self, table: pd.DataFrame) -> Figure:
        """Draw two panels, little data and much: a dot a method, redder the worse it is."""
        import seaborn as sns
        from matplotlib import pyplot as plt
        from matplotlib.cm import ScalarMappable
        from matplotlib.colors import Normalize
        from matplotlib.lines import Line2D

        figure, grid = plt.subplots(1, 2, figsize=(WIDTH, 4.4), sharey=True)
        off = _aside(table)
        for axes, (amount, title) in zip(grid, AMOUNTS.items(), strict=True):
            here = table["data"].isin([amount, "none"])
            rows = table[here].assign(x=off[here], learned=table["n_parameters"] + 1)
            sns.scatterplot(
                data=rows.assign(over_baseline=rows["over_baseline"].clip(-MOST, MOST)),
                x="x",
                y="learned",
                hue="over_baseline",
                hue_norm=(-MOST, MOST),
                palette=PALETTE,
                style="model",
                style_order=list(MARKERS),
                markers=list(MARKERS.values()),
                edgecolor=EDGE,
                linewidth=0.4,
                s=38,
                legend=False,
                ax=axes,
            )
            axes.set_yscale("log")
            axes.set_title(title)
            axes.set_xticks(range(len(KNOWLEDGE)), KNOWLEDGE)
            axes.set_xlim(-0.6, len(KNOWLEDGE) - 0.4)
            axes.set(xlabel="what the belief holds", ylabel="numbers learned (+ 1)")
        colours = ScalarMappable(Normalize(-MOST, MOST), PALETTE)
        label = "error over the model-based (dB)"
        figure.colorbar(colours, ax=grid, label=label, shrink=0.8, extend="both")
        handles = [
            Line2D([], [], color=EDGE, mfc="white", marker=marker, ls="", label=f"model {model}")
            for model, marker in MARKERS.items()
        ]
        figure.legend(handles=handles, loc="outside lower center", ncols=2)
        return figure


def _aside(table: pd.DataFrame) -> pd.Series:
    """Return where each row stands across: by its knowledge, and a little aside by its problem."""
    problems = (table["example"] + table["condition"]).astype("category").cat.codes
    spread = 0.7 * (problems / max(1, problems.max()) - 0.5)
    places: pd.Series = table["knowledge"].map(KNOWLEDGE.index) + spread
    return places
