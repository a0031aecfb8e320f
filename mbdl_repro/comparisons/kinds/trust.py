"""What a method can say of itself, or its tables of it: how far it may be trusted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np
from pydantic import Field

from mbdl_repro.comparisons.drawing import WIDTH, colours, family_handles, finish
from mbdl_repro.comparisons.kind import KindOfComparison
from mbdl_repro.comparisons.listed import known, values_at
from mbdl_repro.comparisons.sources import Sources
from mbdl_repro.experiments.schema import Block, Text
from mbdl_repro.figures.style import RULE
from mbdl_repro.figures.ticks import plain_log_ticks
from mbdl_repro.statistics.intervals import mean_interval
from mbdl_repro.statistics.relations import Scale

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

KEYS = ["quantity", "area", "family", "method"]
LINE, HEAD = 0.2, 0.75
"""Inches of a row, and of a panel's title and axis."""


class Quantity(Block):
    """A quantity that says how far a method may be trusted."""

    name: Text
    experiment: Text
    metric: Text
    over: Text | None = None
    """Another metric, of which it is the multiple."""
    at: dict[str, Any] = Field(default_factory=dict)
    """Values of the table's columns."""
    ideal: float | None = None
    """What it should be."""
    log: bool = True
    """Whether its axis is logarithmic."""


class Spec(KindOfComparison):
    """Quantities of trust, of all methods that offer them."""

    quantities: ClassVar[dict[str, Scale]] = {"value": "ratio"}
    keys: ClassVar[list[str]] = KEYS

    listed: Annotated[list[Quantity], Field(min_length=1)]

    @property
    def experiments(self) -> tuple[str, ...]:
        """Names of the experiments that it reads, besides those with a role."""
        return tuple(dict.fromkeys(one.experiment for one in self.listed))

    def measured(self, sources: Sources) -> pd.DataFrame:
        """Return a row a quantity, method and seed."""
        import pandas as pd

        found = []
        for one in self.listed:
            experiment = known(sources.experiments, one.experiment)
            rows = sources.rows[one.experiment]
            values = values_at(rows, experiment, one.metric, one.at)
            if one.over is not None:
                values = values / values_at(rows, experiment, one.over, one.at)
            for label, entry in experiment.methods.items():
                if label not in values or values[label].isna().all():
                    continue
                place = (one.name, experiment.area, entry.info.family.title, label)
                named = {**dict(zip(KEYS, place, strict=True)), "legend": entry.legend}
                seeds = values[label].items()
                found += [{**named, "seed": seed, "value": value} for seed, value in seeds]
        return pd.DataFrame(found)

    def summary(self, sources: Sources) -> pd.DataFrame:
        """Return the means over seeds with their intervals."""
        import pandas as pd

        found = []
        keys = [*KEYS, "legend"]
        for place, rows in self.measured(sources).groupby(keys, sort=False):
            one = mean_interval(rows["value"].to_numpy(), scale="ratio")
            ends = {"value": one.mean, "value_low": one.low, "value_high": one.high}
            found.append({**dict(zip(keys, place, strict=True)), **ends})
        return pd.DataFrame(found)

    def draw(self, table: pd.DataFrame) -> Figure:
        """Draw a panel of dots a quantity, a row a method; a line where it should be."""
        from matplotlib import pyplot as plt

        groups = [(one, table[table["quantity"] == one.name]) for one in self.listed]
        heights = [HEAD + LINE * len(rows) for _, rows in groups]
        figure, grid = plt.subplots(
            len(groups),
            1,
            figsize=(WIDTH, sum(heights) + 0.8),
            height_ratios=heights,
            squeeze=False,
        )
        for axes, (one, rows) in zip(grid[:, 0], groups, strict=True):
            y = np.arange(len(rows))[::-1]
            colour = rows["family"].map(colours()).to_list()
            ends = rows[["value_low", "value_high"]].to_numpy(float).T
            axes.hlines(y, ends[0], ends[1], color=colour, lw=1.2)
            axes.scatter(rows["value"], y, c=colour, s=22, zorder=3)
            if one.ideal is not None:
                axes.axvline(one.ideal, color=RULE, lw=1.0, ls="--")
            if one.log:
                axes.set_xscale("log")
                plain_log_ticks(axes.xaxis)
            axes.set_yticks(y, rows["legend"])
            axes.set_ylim(-0.7, len(rows) - 0.3)
            axes.set_title(one.name)
        finish(figure, family_handles(table["family"], bound=False))
        return figure
