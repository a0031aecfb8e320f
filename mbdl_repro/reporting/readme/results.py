"""What the written pages are made from: experiments, verdicts, tables and costs."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mbdl_repro.comparisons import reading as comparisons
from mbdl_repro.contract.hashing import canonical, digest
from mbdl_repro.errors import UserError
from mbdl_repro.experiments.experiment import Experiment
from mbdl_repro.experiments.reading import load_all, load_scale
from mbdl_repro.experiments.specs import fit_spec
from mbdl_repro.reporting import choices
from mbdl_repro.store.files import WAY_OUT
from mbdl_repro.store.paths import Store
from mbdl_repro.store.records import read_record, read_table, record_path

if TYPE_CHECKING:
    import pandas as pd


class Results:
    """All experiments at full scale, how their claims fared, and what they took."""

    def __init__(self) -> None:
        scale = load_scale("full")
        self.store = Store.of(scale)
        self.experiments = load_all(scale)
        self.comparisons = comparisons.load_all()
        self._verdicts = read_table(self.store.verdicts())

    def table(self, comparison: str) -> pd.DataFrame:
        """Return the table of a comparison.

        Args:
            comparison: its name.
        """
        return read_table(self.store.comparison(comparison))

    def table_of(self, experiment: str) -> pd.DataFrame:
        """Return the table of an experiment.

        Args:
            experiment: its name.
        """
        return read_table(self.store.table(experiment))

    @property
    def choice(self) -> tuple[pd.DataFrame, float]:
        """The table of which method when, and the share of operations that is little in it."""
        comparison: Any = self.comparisons[choices.CHOICE]
        return self.table(choices.CHOICE), comparison.spec.small

    def verdicts(self, *names: str) -> pd.DataFrame:
        """Return the verdicts on these experiments, or on all if none is named."""
        of = self._verdicts["experiment"]
        return self._verdicts[of.isin(names)] if names else self._verdicts

    @property
    def areas(self) -> dict[str, list[Experiment]]:
        """The experiments of each running example."""
        found: dict[str, list[Experiment]] = {}
        for experiment in self.experiments.values():
            found.setdefault(experiment.area, []).append(experiment)
        return dict(sorted(found.items()))

    @cached_property
    def seconds(self) -> dict[str, Seconds]:
        """What each experiment took; a fit that several share counts in the first of them."""
        costs = {name: _cost(self.store.seed_rows(name)) for name in self.experiments}
        trained = training_seconds(self.experiments.values(), costs)
        return {
            name: Seconds(trained[name], sum(spent["evaluate_seconds"] for spent in cost.values()))
            for name, cost in costs.items()
        }

    def spent(self, names: Iterable[str]) -> Seconds:
        """Return what these experiments took together."""
        each = [self.seconds[name] for name in names]
        return Seconds(sum(of.training for of in each), sum(of.evaluation for of in each))


@dataclasses.dataclass(frozen=True)
class Seconds:
    """Time on one core, in seconds."""

    training: float
    evaluation: float

    @property
    def both(self) -> float:
        """Training and evaluation together."""
        return self.training + self.evaluation


Cost = Mapping[str, Mapping[str, float]]
"""What the record of rows says of each method: its ``train_seconds`` and ``evaluate_seconds``."""


def _cost(rows: Path) -> Cost:
    """Return what the record of an experiment's rows says that its methods took.

    Raises:
        UserError: if there is no record that vouches for itself.
    """
    record = read_record(rows)
    if record is None:
        raise UserError(f"{record_path(rows)} is missing or damaged; {WAY_OUT}")
    cost: Cost = record.get("cost", {})
    return cost


def training_seconds(
    experiments: Iterable[Experiment], costs: Mapping[str, Cost]
) -> dict[str, float]:
    """Return the seconds that each experiment's fits took, without those of experiments before it.

    A record's ``train_seconds`` of a method leave out the fits that a method before it in the
    same experiment shares. Of the rest, the share that no experiment before has made counts:
    fits of one method are taken to be of the same cost.

    Args:
        experiments: in the order in which they count.
        costs: of each, by its name; a method without any is taken to have cost nothing.
    """
    counted: set[str] = set()
    seconds: dict[str, float] = {}
    for experiment in experiments:
        seconds[experiment.name] = 0.0
        here: set[str] = set()
        for label, entry in experiment.methods.items():
            if not entry.has_fit:
                continue
            fits = {
                digest(canonical(fit_spec(experiment, label, fit)))
                for fit in experiment.fits(label)
            }
            own = fits - here
            spent = costs[experiment.name].get(label, {}).get("train_seconds", 0.0)
            seconds[experiment.name] += spent * len(own - counted) / max(1, len(own))
            here |= fits
        counted |= here
    return seconds
