"""A run: which experiments, at which scale, which tasks it has, and what each reads and writes."""

from __future__ import annotations

import dataclasses
import re
import shlex
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

from mbdl_repro.comparisons import reading as comparisons
from mbdl_repro.experiments.reading import load_all
from mbdl_repro.experiments.scale import Scale
from mbdl_repro.pipeline.verbs import VERBS, Task, Verb, stands_on, task_of
from mbdl_repro.store.paths import Store
from mbdl_repro.store.records import read_record, record_path

NOTHING = "(?!)"
"""The pattern that nothing has."""

TARGETS = {
    "data": ("simulate",),
    "models": ("train",),
    "scores": ("evaluate", "bound"),
    "tables": ("summarize",),
    "figures": ("draw", "compare"),
    "comparisons": ("compare",),
    "verdicts": ("gather",),
}
"""What can be asked for by name, and the verbs that make it."""


class Plan:
    """A run.

    Args:
        scale: how much is run.
        chosen: comma-separated names that narrow the run, or None for all experiments.
        device: that torch shall use.
    """

    def __init__(self, scale: Scale, chosen: str | None = None, device: str = "cpu") -> None:
        self.scale = scale
        self.device = device
        self.store = Store.of(scale)
        self.experiments = load_all(scale, chosen)
        self.narrowed = bool(chosen)
        self.chosen = tuple(self.experiments) if chosen else ()
        if not self.narrowed:
            comparisons.load_all()  # what is wrong with one is told before anything runs
        self._outputs: dict[Task, tuple[Path, ...]] = {}
        self._records: dict[Path, dict[str, Any] | None] = {}

    @cached_property
    def tasks(self) -> list[Task]:
        """All tasks, each after those that it reads; what gathers needs all experiments."""
        verbs = [v for v in VERBS.values() if v.of_some or not (v.of_all and self.narrowed)]
        return [
            dataclasses.replace(task, chosen=self.chosen) if verb.of_some else task
            for verb in verbs
            for task in verb.tasks(self.experiments)
        ]

    def outputs(self, *tasks: Task) -> list[Path]:
        """Return what tasks write."""
        return [path for task in tasks for path in self._outputs_of(task)]

    def _outputs_of(self, task: Task) -> tuple[Path, ...]:
        """Return what one task writes: to build paths takes long, and each is asked for often."""
        if task not in self._outputs:
            self._outputs[task] = VERBS[task.verb].outputs(self.store, task)
        return self._outputs[task]

    def needs(self, task: Task) -> list[Task]:
        """Return the tasks whose outputs a task reads."""
        return VERBS[task.verb].needs(self.experiments, task)

    def made_by(self, *verbs: str) -> list[Path]:
        """Return what all tasks of some verbs write."""
        return self.outputs(*(task for task in self.tasks if task.verb in verbs))

    @cached_property
    def targets(self) -> list[Task]:
        """The tasks that a plain run is for."""
        ends = ("tabulate", "summarize", "verify", "draw", "count", "compare", "gather", "report")
        return [task for task in self.tasks if task.verb in ends]

    def record(self, path: Path) -> dict[str, Any] | None:
        """Return the record of what made a file, read once; None where there is none."""
        where = record_path(path)
        if where not in self._records:
            self._records[where] = read_record(path)
        return self._records[where]

    def stands_on(self, task: Task) -> dict[str, Any]:
        """Return what a task's outputs stand on besides its inputs, as its record keeps it."""
        return stands_on(task, self.experiments, self.device)

    # What a rule of the Snakefile is made of: functions of its wildcards ----------------------

    def task(self, verb: Verb, wildcards: Any) -> Task:
        """Return the task that a rule's wildcards name.

        Args:
            verb: of the rule.
            wildcards: as Snakemake gives them.
        """
        part = int(getattr(wildcards, "part", 1))
        named = [getattr(wildcards, of, None) for of in ("experiment", "method", "comparison")]
        experiment, method, comparison = named
        words = (experiment, method, part, comparison)
        return task_of(verb.name, self.experiments, *words, chosen=self.chosen)

    @property
    def one_of_comparisons(self) -> str:
        """The pattern of names of comparisons, whose files lie among those of experiments."""
        return "|".join(map(re.escape, comparisons.names())) or NOTHING

    @property
    def no_comparison(self) -> str:
        """The pattern of names of experiments, be there such or not: who asks for one is told."""
        return rf"(?!(?:{self.one_of_comparisons})\.[a-z]+$)[^/]+"

    def outputs_of(self, verb: Verb) -> list[Path]:
        """Return a rule's outputs, with names of wildcards in them."""
        return list(verb.outputs(self.store, Wildcards(self.chosen)))

    def log_of(self, verb: Verb) -> Path:
        """Return a rule's log, with names of wildcards in it."""
        return verb.log(self.store, Wildcards(self.chosen))

    def words_of(self, verb: Verb) -> Callable[[Any], str]:
        """Return the function that gives the words of a job's command."""

        def words(wildcards: Any) -> str:
            task = self.task(verb, wildcards)
            named = {name: str(getattr(task, name)) for name in verb.of if name != "parts"}
            if task.chosen:
                named["experiments"] = ",".join(task.chosen)
            options = {**named, "scale": self.scale.name}.items()
            return shlex.join([verb.name, *(f"--{name}={value}" for name, value in options)])

        return words


@dataclasses.dataclass(frozen=True)
class Wildcards:
    """Stands for a task where a rule speaks of all of its tasks."""

    chosen: tuple[str, ...] = ()
    experiment = "{experiment}"
    method = "{method}"
    comparison = "{comparison}"
    part = "{part}"
    parts = "{parts}"
