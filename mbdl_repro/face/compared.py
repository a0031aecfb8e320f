"""What comes of a comparison of methods: a table with intervals, and effects in pairs."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mbdl_repro.contract.family import Family
from mbdl_repro.errors import one_of
from mbdl_repro.pipeline.rows import repetitions_in
from mbdl_repro.reporting import numbers, tables
from mbdl_repro.statistics.comparisons import compare as paired
from mbdl_repro.statistics.relations import Scale

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes


@dataclasses.dataclass(frozen=True, repr=False)
class Compared:
    """What :func:`~mbdl_repro.face.comparing.compare` found.

    Attributes:
        table: a row a method, or bound, and metric: the mean over seeds, and where its 95 %
            interval begins and ends; where there are several sizes of training sets, one for each.
        rows: the same of each seed.
        chosen: of each method that is tuned, the settings that each seed chose.
        scales: how values of each metric compare.
    """

    table: pd.DataFrame
    rows: pd.DataFrame
    chosen: Mapping[str, list[dict[str, Any]]]
    scales: Mapping[str, Scale]

    def against(self, reference: str, metric: str | None = None) -> pd.DataFrame:
        """Return how each method compares with one of them, seed by seed, on the same signals.

        Positive errors compare by their ratio, all else by its difference, both with the 95 %
        interval; ``p`` is how probable so large an effect is if there is none.

        Args:
            reference: the label of a method, or the name of a bound.
            metric: one of those compared; ``None``: the first.

        Raises:
            ValueError: no such method or metric.
        """
        import pandas as pd

        metric = metric or next(iter(self.scales))
        here = self.rows[self.rows["metric"] == metric]
        for name, known in ((metric, self.scales), (reference, set(here["method"]))):
            if name not in known:
                raise ValueError(f"no {name!r} was compared; {one_of(name, known)}")
        sizes = here["n_train"] if "n_train" in here else pd.Series(0, index=here.index)
        of_each = dict(iter(here.groupby([here["method"], sizes], sort=False)))
        found = []
        for (label, n), left in of_each.items():
            for (other, m), right in of_each.items():
                # What looks at no pairs, 0, meets every size.
                if label != reference and other == reference and (n == m or 0 in (n, m)):
                    at = {"n_train": max(n, m)} if "n_train" in here else {}
                    effect = _effect(left, right, self.scales[metric])
                    found.append({"method": label, **at, **effect})
        return pd.DataFrame(found)

    def plot(self, metric: str | None = None, axes: Axes | None = None) -> Axes:
        """Draw the means with their intervals, in the colours of the continuum, bounds as lines.

        Args:
            metric: one of those compared; ``None``: the first.
            axes: to draw on; ``None``: the current ones of pyplot.

        Raises:
            ValueError: no such metric.
        """
        import matplotlib.pyplot as plt

        from mbdl_repro.figures.style import COLOURS

        metric = metric or next(iter(self.scales))
        if metric not in self.scales:
            raise ValueError(f"no {metric!r} was compared; {one_of(metric, self.scales)}")
        axes = axes or plt.gca()
        rows = self.table[self.table["metric"] == metric].to_dict("records")
        for row in rows:
            family = Family.titled(row["family"])
            if family is Family.BOUND:
                axes.axvline(row["mean"], color=COLOURS[family], ls="--", label=row["method"])
                continue
            ends = [[row["mean"] - row["ci_low"]], [row["ci_high"] - row["mean"]]]
            pairs = f", {row['n_train']} pairs" if row.get("n_train") else ""
            label = f"{row['method']}{pairs} ({row['n_parameters']})"
            axes.errorbar(row["mean"], label, xerr=ends, fmt="o", capsize=3, color=COLOURS[family])
        if self.scales[metric] == "ratio":
            axes.set_xscale("log")
        axes.set_xlabel(metric.replace("_", " "))
        axes.invert_yaxis()
        if any(row["family"] == Family.BOUND.title for row in rows):
            axes.legend()
        return axes

    def __repr__(self) -> str:
        """Return the table, a line a method and a column a metric."""
        metrics = list(self.scales)
        several = ["n_train"] if "n_train" in self.table else []
        lines: dict[tuple[str, ...], dict[str, str]] = {}
        for row in self.table.to_dict("records"):
            cell = numbers.with_interval(row["mean"], row["ci_low"], row["ci_high"])
            key = (row["method"], *(str(row[name] or "") for name in several))
            lines.setdefault(key, {"learned": f"{row['n_parameters']}"})[row["metric"]] = cell
        head = ["method", *several, *metrics, "numbers learned"]
        body = [
            [*key, *(cells.get(m, "") for m in metrics), cells["learned"]]
            for key, cells in lines.items()
        ]
        return tables.as_text(head, body).rstrip()


def _effect(left: pd.DataFrame, right: pd.DataFrame, scale: Scale) -> dict[str, Any]:
    """Return the ratio or difference of two methods, its interval, and p."""
    of_left, of_right = repetitions_in(left), repetitions_in(right)
    found = paired(
        left["value"].to_numpy(),
        right["value"].to_numpy(),
        "below",
        scale=scale,
        standard_errors=(left["standard_error"].to_numpy(), right["standard_error"].to_numpy()),
        without=None if of_left is None or of_right is None else (of_left, of_right),
    )
    interval = {"ci_low": found.low, "ci_high": found.high, "p": found.p}
    return {found.effect_is: found.effect, **interval}
