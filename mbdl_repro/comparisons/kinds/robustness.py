"""What is lost off the place that a method was made for, beyond what the problem itself loses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np
from pydantic import Field

from mbdl_repro.comparisons.drawing import heat_map
from mbdl_repro.comparisons.kind import KindOfComparison
from mbdl_repro.comparisons.listed import how_compared, known, values_at
from mbdl_repro.comparisons.representatives import chosen
from mbdl_repro.comparisons.sources import Sources
from mbdl_repro.comparisons.standing import excess
from mbdl_repro.contract.family import Family
from mbdl_repro.errors import UserError, one_of
from mbdl_repro.experiments.schema import Block, Text
from mbdl_repro.figures.over import Kind
from mbdl_repro.statistics.intervals import mean_interval
from mbdl_repro.statistics.relations import Scale

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

KEYS = ["departure", "area", "family"]
MOST = 15.0
"""Decibels at which colours end."""


class Retuned(Block):
    """Where the reference of a departure stands that was tuned there, on the same test signals."""

    experiment: Text
    at: Annotated[dict[str, Any], Field(min_length=1)]
    """Values of that table's columns."""


class Departure(Block):
    """A place that methods were not made for, and the one that they were."""

    name: Text
    experiment: Text
    away: Annotated[dict[str, Any], Field(min_length=1)]
    """Values of the table's columns."""
    home: dict[str, Any] = Field(default_factory=dict)
    """The others there, and those of ``away``, too; where it is left out, what was believed
    wrongly never held, and all that is over the reference is lost."""
    over: Text
    """The reference: a method that is tuned at home."""
    retuned: Retuned | None = None
    """Where the same method, of another experiment, is tuned away from home; left out where its row
    in this one is, or where it has nothing to be tuned."""
    bound: Text | None = None
    """A row that nothing is below; it has a column beside those of families."""
    metric: Text | None = None
    """The experiment's first one if not given."""
    higher_is_better: bool = False


class Spec(KindOfComparison):
    """Decibels lost, by family and departure."""

    quantities: ClassVar[dict[str, Scale]] = {"lost_db": "decibels", "away_db": "decibels"}
    keys: ClassVar[list[str]] = KEYS

    departures: Annotated[list[Departure], Field(min_length=1)]

    @property
    def experiments(self) -> tuple[str, ...]:
        """Names of the experiments that it reads, besides those with a role."""
        again = [one.retuned.experiment for one in self.departures if one.retuned]
        return tuple(dict.fromkeys([*(one.experiment for one in self.departures), *again]))

    def measured(self, sources: Sources) -> pd.DataFrame:
        """Return a row a departure, family and seed: the family's best at home in other seeds."""
        import pandas as pd

        found = []
        for departure in self.departures:
            area = known(sources.experiments, departure.experiment).area
            for family, of_family in _lost(departure, sources):
                place = (departure.name, area, family.title)
                found.append(of_family.assign(**dict(zip(KEYS, place, strict=True))))
        return pd.concat(found, ignore_index=True)

    def summary(self, sources: Sources) -> pd.DataFrame:
        """Return the means over seeds with their intervals."""
        import pandas as pd

        found = []
        for place, rows in self.measured(sources).groupby(KEYS, sort=False):
            record = dict(zip(KEYS, place, strict=True))
            record["method"] = rows["method"].mode().iloc[0]
            for name, scale in self.quantities.items():
                one = mean_interval(rows[name].to_numpy(), scale=scale)
                record |= {name: one.mean, f"{name}_low": one.low, f"{name}_high": one.high}
            found.append(record)
        return pd.DataFrame(found)

    def draw(self, table: pd.DataFrame) -> Figure:
        """Draw a heat map: departures down, families across."""
        values = table.pivot(index="departure", columns="family", values="lost_db")
        order = [family.title for family in Family if family.title in values]
        values = values.loc[list(dict.fromkeys(table["departure"])), order]
        shown = values.round(1) + 0  # no minus before a zero
        words = shown.map(lambda x: "" if np.isnan(x) else f"{x:.1f}".replace("-", "−"))
        return heat_map(values, words, cmap="RdBu_r", ends=(-MOST, MOST))


def _lost(departure: Departure, sources: Sources) -> Iterator[tuple[Family, pd.DataFrame]]:
    """Yield each family with what is lost in each seed, and the method that stands for it."""
    import pandas as pd

    experiment = known(sources.experiments, departure.experiment)
    kind = how_compared(experiment, departure.metric or experiment.metrics[0])
    home = _values(departure, sources, departure.home or departure.away)
    away = _values(departure, sources, departure.home | departure.away)
    again = away
    if (retuned := departure.retuned) is not None:
        again = _values(departure, sources, retuned.at, retuned.experiment)
    if home.empty or away.empty or again.empty:
        return  # this scale has fewer places
    over = lost = _over(away, again, departure.over, kind)
    if departure.home:
        lost = over - _over(home, home, departure.over, kind)
    families: dict[Family, list[str]] = {}
    for label, entry in experiment.methods.items():
        if label in away and label in home:
            families.setdefault(entry.info.family, []).append(label)
    if departure.bound is not None:
        families[Family.BOUND] = [_named(away, departure.bound)]
    for family, labels in families.items():
        stands = chosen(home[labels].to_numpy(float).T, kind)
        each = (np.arange(len(lost)), stands)
        found = pd.DataFrame({"method": [labels[i] for i in stands], "seed": lost.index})
        for quantity, values in (("lost_db", lost), ("away_db", over)):
            found[quantity] = values[labels].to_numpy(float)[each]
        yield family, found


def _values(
    departure: Departure, sources: Sources, at: dict[str, Any], other: str | None = None
) -> pd.DataFrame:
    """Return the metric of all methods at a place, of which less is better, a row a seed."""
    metric = departure.metric or known(sources.experiments, departure.experiment).metrics[0]
    name = other or departure.experiment
    there = known(sources.experiments, name)
    found = values_at(sources.rows[name], there, metric, at)
    return -found if departure.higher_is_better else found


def _over(values: pd.DataFrame, those: pd.DataFrame, reference: str, kind: Kind) -> pd.DataFrame:
    """Return values over those of the reference, which stand elsewhere, seed by seed."""
    import pandas as pd

    own = those[[_named(those, reference)]]
    if not own.index.equals(values.index):
        raise UserError(
            f"{reference} was tuned again in seeds {_list(own)}, and what it is compared with has "
            f"seeds {_list(values)}: give both experiments the same"
        )
    found = excess(values.to_numpy(float), own.to_numpy(float), kind)
    return pd.DataFrame(found, index=values.index, columns=values.columns)


def _list(values: pd.DataFrame) -> str:
    return ", ".join(map(str, values.index))


def _named(values: pd.DataFrame, row: str) -> str:
    """Return the name of a method or bound, if its row is there."""
    if row not in values:
        raise UserError(f"no method or bound {row!r} there; {one_of(row, values)}")
    return row
