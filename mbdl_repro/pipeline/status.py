"""The state of every task's outputs, what a run would do about it, and how long that takes."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterator
from functools import cached_property
from typing import Any, Literal

from mbdl_repro.contract.hashing import canonical
from mbdl_repro.experiments import specs
from mbdl_repro.pipeline import caches
from mbdl_repro.pipeline.plan import Plan
from mbdl_repro.pipeline.verbs import VERBS, Task
from mbdl_repro.store.cache import is_whole
from mbdl_repro.store.definitions import module_path
from mbdl_repro.store.records import damage, read_record

State = Literal["fresh", "stale", "damaged", "missing"]

START_UP_SECONDS = {"train": 3.5, "evaluate": 2.0, "bound": 2.0, "draw": 2.5}
"""What a job costs before it does anything: imports, mostly."""


@dataclasses.dataclass(frozen=True)
class Finding:
    """What is found of a task's outputs: their state, and why, in words."""

    state: State
    why: str = ""


class Status:
    """What is made of a run, and what it would do.

    Args:
        plan: of the run.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._found: dict[Task, Finding] = {}
        self._changed: dict[Task, bool] = {}

    def of(self, task: Task) -> Finding:
        """Return the state of a task's outputs by themselves, whatever they come from."""
        if task not in self._found:
            self._found[task] = self._find(task)
        return self._found[task]

    def changed(self, task: Task) -> bool:
        """Return whether a task, or one that it comes from, is made and no longer right."""
        if task not in self._changed:
            own = self.of(task).state in ("stale", "damaged")
            self._changed[task] = own or any(map(self.changed, self.plan.needs(task)))
        return self._changed[task]

    @cached_property
    def to_run(self) -> list[Task]:
        """The tasks that a run would do, as Snakemake plans them.

        What changed is done again, and all that comes from it. What is missing is made only for
        a task that needs it: tables and figures that were adopted stand without their data.
        """
        wanted: set[Task] = set()
        needed: set[Task] = set(self.plan.targets)
        for task in reversed(self.plan.tasks):
            missing = self.of(task).state == "missing"
            if self.changed(task) or (missing and task in needed):
                wanted.add(task)
                needed.update(self.plan.needs(task))
        # What is made because it was missing is new to all that stands on it, needed or not.
        for task in self.plan.tasks:
            if wanted.intersection(self.plan.needs(task)) and (
                self.of(task).state != "missing" or task in self.plan.targets
            ):
                wanted.add(task)
        return [task for task in self.plan.tasks if task in wanted]

    def seconds(self, task: Task) -> float | None:
        """Return how long a task should take, from recorded times; None where there are none."""
        start_up = START_UP_SECONDS.get(task.verb, 1.0)
        if task.verb in ("train", "evaluate"):
            missing, total = self._entries_to_make(task)
            if missing == 0:
                return start_up
            each = self._seconds_each(task, total)
            return None if each is None else start_up + missing * each
        record = read_record(self.plan.outputs(task)[0]) or {}
        return max(start_up, float(record.get("cpu_seconds", 0.0)))

    def broken_entries(self, task: Task) -> str:
        """Say which of the cache entries that an index names are gone or altered."""
        if task.verb not in ("simulate", "train"):
            return ""
        folder = self.plan.store.cache("data" if task.verb == "simulate" else "models")
        index = json.loads(self.plan.outputs(task)[0].read_bytes())
        bad = [entry["file"] for entry in index if not is_whole(folder / entry["file"])]
        if not bad:
            return ""
        return f"{len(bad)} of its cache entries are gone or altered, such as {folder / bad[0]}"

    def _find(self, task: Task) -> Finding:
        outputs = self.plan.outputs(task)
        missing = [path for path in outputs if not path.is_file()]
        if missing:
            aside = missing[0].with_name(missing[0].name + ".damaged")
            return Finding("missing", "a damaged one was set aside" if aside.exists() else "")
        for path in outputs:
            if problem := damage(path):
                return Finding("damaged", f"{path.name}: {problem}")
        reasons = self._reasons(task, read_record(outputs[0]) or {})
        return Finding("stale", "; ".join(reasons)) if reasons else Finding("fresh")

    def _reasons(self, task: Task, record: dict[str, Any]) -> list[str]:
        """Say why a task's record is not what it would be now."""
        now = json.loads(canonical(self.plan.stands_on(task)))
        code = record.get("code")
        if not isinstance(code, dict) or "digest" not in code or "spec" not in record:
            return ["it was made by an earlier version of this package"]
        reasons: list[str] = []
        if code["digest"] != now["code"]["digest"]:
            places = VERBS[task.verb].code(self.plan.experiments, task).places
            reasons += _changed_code(code["definitions"], now["code"]["definitions"], places)
        for name in ("versions", "device"):
            reasons += _differences(code.get(name), now["code"][name], name)
        settings = list(_differences(record["spec"], now["spec"], ""))
        # The digest of all specifications stands for what is not said otherwise.
        said = [words for words in settings if "results changed" not in words]
        return reasons + (said or (["what it is made of changed"] if settings else []))

    def _entries_to_make(self, task: Task) -> tuple[int, int]:
        """Return how many cache entries of a task are not there yet, and how many it has."""
        assert task.experiment is not None and task.method is not None
        experiment, label = self.plan.experiments[task.experiment], task.method
        words = (experiment, label, self.plan.store, self.plan.device)
        if task.verb == "train":
            cache = caches.model_cache(*words)
            fits = experiment.fits(label)[task.part - 1 :: task.parts]
            keys = [cache.key(specs.fit_spec(experiment, label, fit)) for fit in fits]
        else:
            cache = caches.score_cache(*words)
            keys = [
                cache.key(specs.score_spec(experiment, label, fit, point))
                for fit, point in experiment.scorings(label)
            ]
        return sum(not cache.has(key) for key in keys), len(keys)

    def _seconds_each(self, task: Task, total: int) -> float | None:
        """Return what one fit or scoring took: as last recorded, or as the kept table tells."""
        own = {"train": "fit_seconds", "evaluate": "score_seconds"}[task.verb]
        record = read_record(self.plan.outputs(task)[0]) or {}
        if record.get(own):
            return float(record[own]) / record.get("n_entries", total)
        assert task.experiment is not None
        table = read_record(self.plan.store.table(task.experiment)) or {}
        cost = table.get("cost", {}).get(task.method)
        if cost is None:
            return None
        return float(cost[f"{task.verb}_seconds"]) / (total * task.parts)


def _changed_code(
    then: dict[str, str], now: dict[str, str], places: dict[str, str]
) -> Iterator[str]:
    """Say which definitions changed, and in which file each stands."""
    changed = [name for name in sorted(now.keys() | then.keys()) if now.get(name) != then.get(name)]
    for name in changed:
        path = module_path(places[name]) if name in places else None
        where = f" ({os.path.relpath(path)})" if path else ""
        how = "is new to it" if name not in then else "changed"
        yield f"{name}{where} {how if name in now else 'is no longer used'}"
    if not changed:
        yield "its code refers to other definitions"


def _differences(then: Any, now: Any, where: str) -> Iterator[str]:
    """Say in words how two pieces of plain data differ, leaf by leaf."""
    if isinstance(then, dict) and isinstance(now, dict):
        for key in sorted(then.keys() | now.keys()):
            inner = f"{where}.{key}" if where else key
            if key not in then:
                yield f"{inner} is new"
            elif key not in now:
                yield f"{inner} is gone"
            else:
                yield from _differences(then[key], now[key], inner)
    elif isinstance(then, list) and isinstance(now, list) and len(then) == len(now):
        for i, (a, b) in enumerate(zip(then, now, strict=True)):
            yield from _differences(a, b, f"{where}[{i}]")
    elif then != now:
        shown = [text if len(text := str(value)) < 40 else "..." for value in (then, now)]
        yield f"{where} changed" + (f" from {shown[0]} to {shown[1]}" if "..." not in shown else "")
