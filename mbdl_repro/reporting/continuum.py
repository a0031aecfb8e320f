"""The continuum as a table: which method of each family meets each running example, and where."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from mbdl_repro.contract.family import Family
from mbdl_repro.experiments.experiment import Experiment
from mbdl_repro.reporting.facts.claims import HELD

if TYPE_CHECKING:
    import pandas as pd

COMMON = "continuum_"
"""How experiments begin in which all families of a running example meet."""
MARKS = {"holds": "✓", "fails": "✗", "undecided": "?"}
"""What follows the number of claims that fared so."""
FAMILIES = [family for family in Family if family is not Family.BOUND]
SIDE = re.compile(r"^(\S+ × )?(\S+)(.*)")
"""A side of a comparison, as tables of verdicts spell it: a factor, then a row, then its place."""


@dataclasses.dataclass(frozen=True)
class Cell:
    """A family on a running example."""

    methods: tuple[str, ...]
    """Those of the family, by their names."""
    experiment: str
    """Where they stand: where all families meet, or else the first with one of this family."""
    verdicts: Mapping[str, int]
    """How many claims of that experiment that name one of them fared so, by :data:`MARKS`."""

    @property
    def fared(self) -> str:
        """The counts with their marks."""
        return marked(self.verdicts)


def cells(
    experiments: Mapping[str, Experiment], verdicts: pd.DataFrame
) -> dict[tuple[Family, str], Cell | None]:
    """Return the table's cells by family and running example; ``None`` where there is no method.

    Args:
        experiments: all, by name.
        verdicts: on all their claims.
    """
    areas = sorted({experiment.area for experiment in experiments.values()})
    ordered = sorted(experiments.values(), key=lambda e: not e.name.startswith(COMMON))
    return {
        (family, area): next(
            (
                _cell(experiment, family, verdicts)
                for experiment in ordered
                if experiment.area == area and _labels(experiment, family)
            ),
            None,
        )
        for family in FAMILIES
        for area in areas
    }


def _labels(experiment: Experiment, family: Family) -> dict[str, str]:
    """Return the names of an experiment's methods of a family, by their labels."""
    entries = experiment.methods.items()
    return {label: entry.info.name for label, entry in entries if entry.info.family is family}


def _cell(experiment: Experiment, family: Family, verdicts: pd.DataFrame) -> Cell:
    labels = _labels(experiment, family)
    return Cell(
        methods=tuple(dict.fromkeys(labels.values())),
        experiment=experiment.name,
        verdicts=counted(verdicts, experiment.name, labels),
    )


def counted(verdicts: pd.DataFrame, experiment: str, labels: Collection[str]) -> dict[str, int]:
    """Return how many claims of an experiment that name some of its rows fared so, or so.

    Args:
        verdicts: on all claims.
        experiment: whose claims count.
        labels: of the rows.
    """
    own = verdicts[(verdicts["experiment"] == experiment) & (verdicts["kind"] == "claim")]
    named = [own[side].astype(str).str.extract(SIDE)[1].isin(labels) for side in ("left", "right")]
    found = own.loc[named[0] | named[1], "verdict"].replace(dict.fromkeys(HELD, "holds"))
    return {verdict: int((found == verdict).sum()) for verdict in MARKS}


def marked(verdicts: Mapping[str, int]) -> str:
    """Return counts of claims with their marks, ``3✓ 1?``, without those that are 0."""
    return " ".join(f"{n}{MARKS[fared]}" for fared, n in verdicts.items() if n)
