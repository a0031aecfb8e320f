"""What tasks cost: how long they take and how much memory, as recorded when they were last done."""

from __future__ import annotations

from collections.abc import Sequence

from mbdl_repro.experiments import specs
from mbdl_repro.pipeline import caches
from mbdl_repro.pipeline.plan import Plan
from mbdl_repro.pipeline.verbs import Task, Verb

START_UP_SECONDS = 0.5
"""What a job costs before it does anything, where one process has all imported."""

MEGABYTES = 2000
"""Memory that a job may take at the least."""

MINUTES = 30
"""Time that a job may take at the least."""


class Costs:
    """What the tasks of a run cost.

    Args:
        plan: of the run.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._seconds: dict[Task, float | None] = {}

    def seconds(self, task: Task) -> float | None:
        """Return how long a task should take, from recorded times; None where there are none."""
        if task not in self._seconds:
            self._seconds[task] = self._expected(task)
        return self._seconds[task]

    def work(self, tasks: Sequence[Task], cores: int) -> str:
        """Say how many jobs there are, and how long they should take.

        Args:
            tasks: that are to be done.
            cores: how many are done at a time.
        """
        times = [self.seconds(task) for task in tasks]
        known = [seconds for seconds in times if seconds is not None]
        unknown = len(times) - len(known)
        more = f", and {unknown} whose time is not known yet" if unknown else ""
        total = duration(max(sum(known) / cores, max(known, default=0.0)))
        jobs = f"{len(times)} job{'s' * (len(times) != 1)}"
        return f"{jobs}, about {total} on {cores} core{'s' * (cores > 1)}{more}"

    def megabytes(self, verb: Verb) -> int:
        """Return the memory that a job of a verb may take: half as much again as any took."""
        return max(MEGABYTES, round(1.5 * self._most(verb, "max_memory_mb")))

    def minutes(self, verb: Verb) -> int:
        """Return the time that a job of a verb may take: three times what any took."""
        return max(MINUTES, round(3 / 60 * self._most(verb, f"{verb.name}_seconds")))

    def _expected(self, task: Task) -> float | None:
        if task.verb in ("train", "evaluate"):
            missing, total = self._entries_to_make(task)
            if missing == 0:
                return START_UP_SECONDS
            each = self._seconds_each(task, total)
            return None if each is None else START_UP_SECONDS + missing * each
        record = self.plan.record(self.plan.outputs(task)[0]) or {}
        return max(START_UP_SECONDS, _number(record.get("cpu_seconds")))

    def _most(self, verb: Verb, name: str) -> float:
        """Return the largest cost of this name that kept rows tell of a verb's jobs."""
        kept = [self.plan.store.seed_rows(experiment) for experiment in self.plan.experiments]
        costs = [(self.plan.record(rows) or {}).get("cost", {}) for rows in kept]
        return max(
            (_number(of[name]) for cost in costs for of in cost.values() if name in of), default=0.0
        )

    def _entries_to_make(self, task: Task) -> tuple[int, int]:
        """Return how many cache entries of a task are not there yet, and how many it has."""
        assert task.experiment is not None and task.method is not None
        experiment, label = self.plan.experiments[task.experiment], task.method
        words = (experiment, label, self.plan.store, self.plan.device)
        if task.verb == "train":
            fits = experiment.fits(label)[task.part - 1 :: task.parts]
            cache = caches.model_cache(*words)
            if cache.is_empty:
                return len(fits), len(fits)
            keys = [cache.key(specs.fit_spec(experiment, label, fit)) for fit in fits]
        else:
            scorings = experiment.scorings(label)
            cache = caches.score_cache(*words)
            if cache.is_empty:
                return len(scorings), len(scorings)
            keys = [cache.key(specs.score_spec(experiment, label, *at)) for at in scorings]
        return sum(not cache.has(key) for key in keys), len(keys)

    def _seconds_each(self, task: Task, total: int) -> float | None:
        """Return what one fit or scoring took: as last recorded, or as the kept rows tell."""
        own = {"train": "fit_seconds", "evaluate": "score_seconds"}[task.verb]
        record = self.plan.record(self.plan.outputs(task)[0]) or {}
        if seconds := _number(record.get(own)):
            return seconds / (_number(record.get("n_entries")) or total)
        assert task.experiment is not None
        rows = self.plan.record(self.plan.store.seed_rows(task.experiment)) or {}
        cost = rows.get("cost", {}).get(task.method)
        if cost is None:
            return None
        return _number(cost[f"{task.verb}_seconds"]) / (total * task.parts)


def duration(seconds: float) -> str:
    """Return a time as people say it."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _number(value: object) -> float:
    """Return a number that a record holds; 0 where it holds none."""
    return float(value) if isinstance(value, int | float) else 0.0
