"""What comparisons are made of: tables of experiments, and what methods in them cost."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from mbdl_repro.comparisons.representatives import amounts, represented
from mbdl_repro.comparisons.standing import excess, standings
from mbdl_repro.contract.family import Family
from mbdl_repro.experiments.experiment import Experiment
from mbdl_repro.figures.over import interval_over

if TYPE_CHECKING:
    import pandas as pd

RIGHT = "right"
"""The condition, of each problem, in which what is believed is so."""

OVER = {"over_baseline": "baseline", "over_bound": "bound"}
"""Quantities in decibels, and the column that each is over."""


@dataclasses.dataclass(frozen=True)
class Sources:
    """What a comparison may read.

    Attributes:
        experiments: those that have a role, by name.
        rows: of each, a row a seed.
        train_seconds: what a fit took, on average over seeds and sizes, by experiment and method.
        operations: of one estimate, by experiment and method.
    """

    experiments: Mapping[str, Experiment]
    rows: Mapping[str, pd.DataFrame]
    train_seconds: Mapping[tuple[str, str], float]
    operations: Mapping[tuple[str, str], float]

    @cached_property
    def methods(self) -> pd.DataFrame:
        """A row a problem, condition, method, size of training and seed.

        Beside what :func:`represented` returns, it has ``model``, whether what is believed is
        ``right`` or ``wrong``, the quantities :data:`OVER`, ``operations`` and ``train_seconds``.
        """
        table = self._standings
        found = self.families
        stands = found[found["family"] == Family.MODEL_BASED.title]
        baseline = stands.set_index(["example", "condition", "seed"])["baseline"]
        own = list(zip(table["example"], table["condition"], table["seed"], strict=True))
        table = table.assign(baseline=baseline.reindex(own).to_numpy(), data=amounts(table))
        return self._in_one_unit(table)

    @cached_property
    def families(self) -> pd.DataFrame:
        """The same with one method for each family, chosen by the other seeds."""
        return self._in_one_unit(represented(self._standings))

    @cached_property
    def _standings(self) -> pd.DataFrame:
        return standings(self.experiments, self.rows)

    def _in_one_unit(self, table: pd.DataFrame) -> pd.DataFrame:
        own = list(zip(table["experiment"], table["method"], strict=True))
        found = table.assign(
            model=np.where(table["condition"] == RIGHT, "right", "wrong"),
            operations=[self.operations.get(one, np.nan) for one in own],
            train_seconds=[self.train_seconds.get(one, np.nan) for one in own],
            **dict.fromkeys(OVER, np.nan),
        )
        for kind, rows in found.groupby("kind"):
            for quantity, reference in OVER.items():
                found.loc[rows.index, quantity] = excess(rows["value"], rows[reference], kind)
        return found


def summed_up(rows: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Return means over seeds, in decibels over baseline and bound, with 95 % intervals.

    Errors are averaged before they are divided, and paired seed by seed.

    Args:
        rows: of the standings, a row a seed.
        keys: columns that tell places apart.

    Returns:
        The keys; for each quantity its mean, ``<quantity>_low`` and ``<quantity>_high``; and
        ``n_seeds``.
    """
    import pandas as pd

    found = []
    for place, of_place in rows.groupby(keys, sort=False, dropna=False):
        of_place = of_place.sort_values("seed")
        record = dict(zip(keys, place, strict=True))
        for quantity, reference in OVER.items():
            own, other = of_place["value"].to_numpy(float), of_place[reference].to_numpy(float)
            ends = interval_over(own, other, of_place["kind"].iloc[0])
            names = (quantity, f"{quantity}_low", f"{quantity}_high")
            record |= dict(zip(names, ends, strict=True))
        found.append({**record, "n_seeds": len(of_place)})
    return pd.DataFrame(found)
