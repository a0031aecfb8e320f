"""How methods of several experiments stand, in one unit: decibels over a baseline, and a bound.

An experiment takes part by the roles that it names: a problem, and for each state of knowledge the
panel of its figure that shows who meets in it. All else is read off the experiment.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mbdl_repro.comparisons.listed import how_compared
from mbdl_repro.contract.family import Family
from mbdl_repro.contract.table import same
from mbdl_repro.errors import UserError
from mbdl_repro.experiments.experiment import Experiment
from mbdl_repro.experiments.schema import Role
from mbdl_repro.figures.over import PER_RATIO, Kind

if TYPE_CHECKING:
    import pandas as pd

KNOWLEDGE = ("nothing", "wrong", "structure", "all")
"""What a belief may hold, from least to most."""


@dataclasses.dataclass(frozen=True)
class Meeting:
    """A problem in one state of knowledge: who meets in it, and by what they are measured."""

    experiment: Experiment
    role: Role
    condition: str
    panel: Any

    @property
    def kind(self) -> Kind:
        """How values of the metric compare."""
        return how_compared(self.experiment, self.panel.y)

    @property
    def bound(self) -> str | None:
        """The row that nothing is below: the role's, or what the panel draws over, if a bound."""
        over = self.panel.over
        return self.role.bound or (over if over in self.experiment.bounds else None)

    @property
    def families(self) -> dict[str, Family]:
        """The families of its methods, without a model-based one that is told what others miss."""
        entries = {label: self.experiment.methods[label] for label in self.panel.methods}
        read = [k for k, entry in entries.items() if entry.info.family is not Family.DEEP_LEARNING]
        missed = {name for label in read for name in self.wrong(label)}
        return {
            label: entry.info.family
            for label, entry in entries.items()
            if entry.info.family is not Family.MODEL_BASED or missed <= self._not_right(label)
        }

    def wrong(self, label: str) -> set[str]:
        """Return the fields of the truth that a method believes to be other than they are.

        Args:
            label: the method.
        """
        truth = dataclasses.asdict(self.experiment.scenario_at(self._point))
        belief = self.experiment.beliefs[self.experiment.methods[label].belief]
        return {k for k, v in belief.items() if v is not None and not same(v, truth[k])}

    def knowledge(self, label: str) -> str:
        """Return what a method's belief holds: one of :data:`KNOWLEDGE`.

        Args:
            label: the method. One of deep learning holds nothing, whatever its belief.
        """
        entry = self.experiment.methods[label]
        if entry.info.family is Family.DEEP_LEARNING:
            return "nothing"
        if self.wrong(label):
            return "wrong"
        return "structure" if self._not_right(label) else "all"

    def _not_right(self, label: str) -> set[str]:
        belief = self.experiment.beliefs[self.experiment.methods[label].belief]
        return {k for k, v in belief.items() if v is None} | self.wrong(label)

    @property
    def _point(self) -> dict[str, Any]:
        fixed = set(self.experiment.sweep_columns)
        return {k: v for k, v in self.panel.where.items() if k in fixed}


def meetings(experiments: Mapping[str, Experiment]) -> Iterator[Meeting]:
    """Yield the meetings that experiments name in their roles, in the order of the files.

    Args:
        experiments: by name.
    """
    for experiment in experiments.values():
        panels = {panel.title: panel for panel in experiment.panels}
        for role in experiment.roles:
            for condition, title in role.panels.items():
                yield Meeting(experiment, role, condition, panels[title])


def standings(
    experiments: Mapping[str, Experiment], rows: Mapping[str, pd.DataFrame]
) -> pd.DataFrame:
    """Return what every method of every meeting reached, a row a seed.

    Args:
        experiments: that have a role, by name.
        rows: of each experiment, a row a seed.

    Returns:
        What tells places apart, ``example``, ``condition``, ``family``, ``method`` and ``n_train``;
        ``experiment``, ``legend``, ``knowledge``, ``n_parameters``, ``kind`` (how values compare)
        and ``seed``; ``value``, of which less is better, in the metric's unit; ``bound`` beside it,
        NaN where there is none.

    Raises:
        UserError: if no experiment has a role.
    """
    import pandas as pd

    found = [_of_meeting(one, rows[one.experiment.name]) for one in meetings(experiments)]
    if not found:
        raise UserError("no experiment has a role in comparisons: give one roles in its file")
    return pd.concat(found, ignore_index=True)


def _of_meeting(meeting: Meeting, rows: pd.DataFrame) -> pd.DataFrame:
    experiment, panel = meeting.experiment, meeting.panel
    here = (rows["metric"] == panel.y) & rows["iteration"].isna()
    for column, value in panel.where.items():
        here &= rows[column].map(lambda other, value=value: same(other, value))
    rows = rows[here]
    sign = -1.0 if meeting.role.higher_is_better else 1.0
    families = meeting.families
    own = rows[rows["method"].isin(families)]
    table = own[["method", "n_train", "n_parameters", "seed"]].assign(
        experiment=experiment.name,
        example=meeting.role.example,
        condition=meeting.condition,
        family=own["method"].map(lambda label: families[label].title),
        legend=own["method"].map(lambda label: experiment.methods[label].legend),
        knowledge=own["method"].map(meeting.knowledge),
        kind=meeting.kind,
        value=sign * own["value"],
    )
    bounds = rows[rows["method"] == meeting.bound].set_index("seed")["value"]
    return table.assign(bound=table["seed"].map(bounds).to_numpy(dtype=float) * sign)


def excess(own: ArrayLike, reference: ArrayLike, kind: Kind) -> NDArray[np.float64]:
    """Return values over others in decibels; of what is in dB already, less them.

    Args:
        own: of which less is better.
        reference: in the same unit, of a shape that goes with it.
        kind: how they compare.
    """
    own, reference = np.asarray(own, dtype=float), np.asarray(reference, dtype=float)
    if kind in ("difference", "decibels"):
        return own - reference
    with np.errstate(divide="ignore", invalid="ignore"):
        return PER_RATIO[kind] * np.log10(own / reference)
