"""Error against the number of training pairs: a panel a problem and state, a line a family."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from mbdl_repro.comparisons.drawing import colours, facets, family_handles, finish, signed_log
from mbdl_repro.comparisons.kind import KindOfComparison
from mbdl_repro.comparisons.representatives import STRATEGIES
from mbdl_repro.comparisons.sources import OVER, Sources, summed_up
from mbdl_repro.contract.family import Family
from mbdl_repro.experiments.schema import Columns
from mbdl_repro.statistics.relations import Scale

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

KEYS = ["example", "condition", "model", "family", "n_train", "data"]


class Spec(KindOfComparison):
    """Error of a family over the model-based one, by how many pairs it is trained with."""

    quantities: ClassVar[dict[str, Scale]] = dict.fromkeys(OVER, "decibels")
    keys: ClassVar[list[str]] = KEYS

    columns: Columns = 3
    """Of panels."""

    def measured(self, sources: Sources) -> pd.DataFrame:
        """Return a row a problem, condition, family, size of training and seed."""
        return sources.families

    def summary(self, sources: Sources) -> pd.DataFrame:
        """Return the means over seeds, with the method that stands for the family most often."""
        rows = sources.families
        table = summed_up(rows, KEYS)
        most = rows.groupby(KEYS, sort=False)["method"].agg(lambda names: names.mode().iloc[0])
        table.insert(4, "method", most.to_numpy())
        return table

    def draw(self, table: pd.DataFrame) -> Figure:
        """Draw a grid of panels, the bound a dashed line."""
        learned = table[(table["n_train"] > 0) & ~table["family"].isin(STRATEGIES)]
        figure, cells = facets(learned, self.columns)
        for axes, of_cell in cells:
            for title, line in of_cell.groupby("family", sort=False):
                line = line.sort_values("n_train")
                colour = colours()[str(title)]
                axes.plot(line["n_train"], line["over_baseline"], ".-", color=colour, lw=1.2)
                low, high = line["over_baseline_low"], line["over_baseline_high"]
                axes.fill_between(line["n_train"], low, high, color=colour, alpha=0.15, lw=0)
            bound = (of_cell["over_baseline"] - of_cell["over_bound"]).median()
            axes.axhline(0, color=colours()[Family.MODEL_BASED.title], lw=1.4)
            if np.isfinite(bound):
                axes.axhline(bound, color=colours()[Family.BOUND.title], ls="--", lw=1.2)
            axes.set_xscale("log")
            signed_log(axes)
            axes.set_xlabel("training pairs")
        finish(
            figure, family_handles(learned["family"], bound=True), "error over the model-based (dB)"
        )
        return figure
