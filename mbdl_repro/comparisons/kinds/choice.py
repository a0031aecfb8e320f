"""Which method when: those within the interval of the best, by what is known, data and cost."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field

from mbdl_repro.comparisons.drawing import heat_map
from mbdl_repro.comparisons.kind import KindOfComparison
from mbdl_repro.comparisons.representatives import averaged, represented
from mbdl_repro.comparisons.sources import Sources, summed_up
from mbdl_repro.comparisons.standing import excess
from mbdl_repro.contract.family import Family
from mbdl_repro.figures.over import interval_over
from mbdl_repro.statistics.relations import Scale

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

KEYS = ["example", "condition", "model", "data", "budget", "family"]
TOLD = ("experiment", "family", "legend", "knowledge", "n_parameters", "operations")
"""What the table says of a method, besides."""
OVER_BOUND = ("over_bound", "over_bound_low", "over_bound_high")
DRAWN = ("little", "much")
BUDGETS = ("any", "small")
"""What an estimate may cost: any number of operations, or a small share of those of the best."""
MOST_AS_GOOD = 1.0
"""Decibels over the best that no interval, however wide, makes as good as it."""
MOST = 6.0
"""Decibels at which colours end."""


class Spec(KindOfComparison):
    """Every method over the best one of its place, in decibels."""

    quantities: ClassVar[dict[str, Scale]] = {"over_best": "decibels"}
    keys: ClassVar[list[str]] = KEYS

    small: Annotated[float, Field(gt=0, lt=1)] = 0.1
    """The share of the best one's operations that a small budget allows."""

    def measured(self, sources: Sources) -> pd.DataFrame:
        """Return a row a place, budget, family and seed: the family's best in other seeds."""
        import pandas as pd

        found = []
        for place, rows, best in self._places(sources):
            stand = represented(rows)
            reference = stand["seed"].map(best.set_index("seed")["value"])
            over = excess(stand["value"], reference, best["kind"].iloc[0])
            found.append(stand.assign(**place, over_best=over))
        return pd.concat(found, ignore_index=True)

    def summary(self, sources: Sources) -> pd.DataFrame:
        """Return a row a method: what it is over the best, and over the bound.

        ``as_good`` says whether the interval over the best allows for 0; the best is, of course.
        ``fitted`` says whether it has looked at training pairs.
        """
        import pandas as pd

        found: list[dict[str, Any]] = []
        for place, rows, best in self._places(sources):
            reference = best.set_index("seed")["value"]
            over_bound = summed_up(rows, ["method"]).set_index("method")[list(OVER_BOUND)]
            for label, own in rows.groupby("method", sort=False):
                own = own.set_index("seed").loc[reference.index]
                first = own.iloc[0]
                ends = interval_over(
                    own["value"].to_numpy(float), reference.to_numpy(float), first["kind"]
                )
                names = ("over_best", "over_best_low", "over_best_high")
                record = {**place, "method": label, **{name: first[name] for name in TOLD}}
                record |= dict(zip(names, ends, strict=True)) | over_bound.loc[label].to_dict()
                record["fitted"] = first["n_train"] > 0
                near = ends[1] <= 0 and ends[0] <= MOST_AS_GOOD
                as_good = label == best["method"].iloc[0] or near
                found.append({**record, "as_good": as_good})
        return pd.DataFrame(found)

    def draw(self, table: pd.DataFrame) -> Figure:
        """Draw a heat map: a family's best method over the best of all, by problem and data."""
        table = table[(table["budget"] == "any") & table["data"].isin(DRAWN)]
        place = table["example"] + ", " + table["condition"] + ", " + table["data"]
        best = table.assign(place=place).sort_values("over_best")
        best = best.drop_duplicates(["place", "family"])
        best["words"] = [
            "●" if row.as_good else f"{row.over_best:.1f}" for row in best.itertuples()
        ]
        order = [family.title for family in Family if family.title in set(best["family"])]
        values, words = (
            best.pivot(index="place", columns="family", values=name).loc[place.unique(), order]
            for name in ("over_best", "words")
        )
        return heat_map(values, words, cmap="YlOrBr", ends=(0, MOST))

    def _places(
        self, sources: Sources
    ) -> Iterator[tuple[dict[str, Any], pd.DataFrame, pd.DataFrame]]:
        """Yield each place and budget with its rows, and those of its best method."""
        for (example, condition), here in sources.methods.groupby(
            ["example", "condition"], sort=False
        ):
            for n_train in sorted(set(here["n_train"]) - {0}):
                there = here[here["n_train"].isin([0, n_train])]
                best = _best(there)
                limit = self.small * best["operations"].iloc[0]
                for budget in BUDGETS:
                    allowed = there if budget == "any" else there[there["operations"] <= limit]
                    if len(allowed) == 0:
                        continue
                    place = {
                        "example": example,
                        "condition": condition,
                        "model": here["model"].iloc[0],
                        "data": here["data"][here["n_train"] == n_train].iloc[0],
                        "n_train": int(n_train),
                        "budget": budget,
                    }
                    yield place, allowed, best


def _best(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the method that is best on average over seeds."""
    values = averaged(rows["value"], rows["kind"].iloc[0])
    return rows[rows["method"] == values.groupby(rows["method"], sort=False).mean().idxmin()]
