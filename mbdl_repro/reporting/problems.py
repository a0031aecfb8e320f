"""The problems of comparisons: errors in their metric's unit, and how wrong a wrong belief is."""

from __future__ import annotations

import dataclasses
import inspect
import math
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from mbdl_repro import catalogue
from mbdl_repro.catalogue.arguments import arguments
from mbdl_repro.comparisons.sources import RIGHT
from mbdl_repro.comparisons.standing import Meeting, meetings
from mbdl_repro.contract.scenario import Scenario
from mbdl_repro.contract.table import same
from mbdl_repro.experiments.experiment import Experiment
from mbdl_repro.reporting import docstrings, numbers, tables

if TYPE_CHECKING:
    import pandas as pd


class Problems:
    """What experiments say of the problems that they stand for in comparisons.

    Args:
        experiments: by name; those with a role are read.
        table_of: returns the table of an experiment, by its name.
    """

    def __init__(
        self, experiments: Mapping[str, Experiment], table_of: Callable[[str], pd.DataFrame]
    ) -> None:
        found = list(meetings(experiments))
        self._meetings = {(one.role.example, one.condition): one for one in found}
        self._table_of = table_of
        self._means: dict[tuple[str, str], dict[tuple[str, int], tuple[float, float, float]]] = {}

    def metric(self, example: str, condition: str) -> tuple[str, str]:
        """Return what the errors of a problem are called, and their unit, which may be none.

        Args:
            example: of the problem.
            condition: its state of knowledge.
        """
        meeting = self._meetings[example, condition]
        label = catalogue.metrics(meeting.experiment.area)[meeting.panel.y].marks["label"]
        found = re.fullmatch(r"(.*) \((.+)\)", label)
        return (found[1], found[2]) if found else (label, "")

    def error(
        self, example: str, condition: str, method: str, n_train: int
    ) -> tuple[float, float, float]:
        """Return the mean error of a method, and the ends of its interval; NaN if there is none.

        Args:
            example: of the problem.
            condition: its state of knowledge.
            method: its label.
            n_train: pairs that it is fitted to; who looks at none has the same error at any.
        """
        place = example, condition
        if place not in self._means:
            self._means[place] = self._read(self._meetings[place])
        means = self._means[place]
        return means.get((method, n_train), means.get((method, 0), (math.nan,) * 3))

    def error_in_words(self, example: str, condition: str, method: str, n_train: int) -> str:
        """Return the same as text, with its unit: ``0.0123 ± 0.0004 rad``.

        Args:
            example: of the problem.
            condition: its state of knowledge.
            method: its label.
            n_train: pairs that it is fitted to.
        """
        found = self.error(example, condition, method, n_train)
        _, unit = self.metric(example, condition)
        return " ".join(filter(None, [numbers.with_interval(*found), unit]))

    def _read(self, meeting: Meeting) -> dict[tuple[str, int], tuple[float, float, float]]:
        table = tables.final(self._table_of(meeting.experiment.name))
        here = table["metric"] == meeting.panel.y
        for column, value in meeting.panel.where.items():
            here &= table[column].map(lambda other, value=value: same(other, value))
        return {
            (row.method, row.n_train): (row.mean, row.ci_low, row.ci_high)
            for row in table[here].itertuples()
        }

    def wrong(self, example: str, condition: str) -> tuple[str, ...]:
        """Return how wrong what is believed is, in a sentence for each field; none if it is right.

        Each has what is believed, what is so, and what the scenario says that this means.

        Args:
            example: of the problem.
            condition: its state of knowledge.
        """
        if condition == RIGHT:
            return ()
        meeting, right = self._meetings[example, condition], self._meetings.get((example, RIGHT))
        # What is believed wrongly where the model is right, too, is how a method reads its input.
        apart = set(_believed(right)) if right else set()
        found = {name: one for name, one in _believed(meeting).items() if name not in apart}
        cls = type(meeting.experiment.scenario)
        return tuple(
            f"{name} is believed to be {_value(name, believed)}, and is {_value(name, true)}"
            f"{_after(meaning_of(cls, name))}"
            for name, (believed, true) in found.items()
        )


def _believed(meeting: Meeting) -> dict[str, tuple[Any, Any]]:
    """Return the fields that some method believes wrongly: what it believes, and what is so."""
    experiment = meeting.experiment
    fixed = set(experiment.sweep_columns)
    point = {k: v for k, v in meeting.panel.where.items() if k in fixed}
    truth = dataclasses.asdict(experiment.scenario_at(point))
    found: dict[str, tuple[Any, Any]] = {}
    for label in meeting.families:
        if meeting.knowledge(label) == "wrong":
            belief = experiment.beliefs[experiment.methods[label].belief]
            found |= {name: (belief[name], truth[name]) for name in sorted(meeting.wrong(label))}
    return found


def _after(meaning: str) -> str:
    """Return what a field means as it follows on its values; a whole sentence stands alone."""
    if not meaning:
        return "."
    return f"{'. ' if meaning.startswith('A ') else ': '}{meaning}"


def _value(name: str, value: Any) -> str:
    """Return a field's value as text; an angle in rad also in degrees."""
    if name.endswith("_rad") and value:
        return f"{value:.4g} ({math.degrees(value):.4g}°)"
    return numbers.plain(value)


def meaning_of(cls: type[Scenario], field: str) -> str:
    """Return what a scenario's docstring, or that of a base, says of a field, in a sentence.

    Where it says what a designer is off by, it is that sentence; else the first one of the class
    that says most.

    Args:
        cls: the class of the scenario.
        field: its name.
    """
    docs = [arguments(inspect.cleandoc(base.__doc__ or "")) for base in cls.__mro__]
    said = max((doc[field] for doc in docs if field in doc), key=len, default="")
    sentences = re.split(r"(?<=\.) (?=[A-Z])", docstrings.QUOTED.sub(r"\2", said))
    return next((one for one in sentences if "designer" in one), sentences[0])
