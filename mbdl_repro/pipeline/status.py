"""The state of every task's outputs, and what a run would do about it."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from mbdl_repro.contract.hashing import canonical, digest
from mbdl_repro.contract.table import distinct
from mbdl_repro.errors import UserError
from mbdl_repro.pipeline.plan import Plan
from mbdl_repro.pipeline.standing import Standing
from mbdl_repro.pipeline.verbs import VERBS, Task
from mbdl_repro.store.cache import is_whole
from mbdl_repro.store.definitions import module_path
from mbdl_repro.store.files import read_bytes
from mbdl_repro.store.records import damage, damage_of

State = Literal["fresh", "stale", "damaged", "missing"]

MOST_REASONS = 3
"""Of why results are not what this code would make, as many are told, and how many more."""


@dataclasses.dataclass(frozen=True)
class Finding:
    """What is found of a task's outputs: their state, and why, in words."""

    state: State
    why: str = ""


class Status:
    """What is made of a run, and what it would do.

    Args:
        plan: of the run.
        targets: the tasks that it is for; those of a plain run if not given.
        forced: tasks to be done again whatever their state.
    """

    def __init__(
        self,
        plan: Plan,
        targets: Iterable[Task] | None = None,
        forced: Iterable[Task] = (),
    ) -> None:
        self.plan = plan
        self.targets = set(plan.targets if targets is None else targets)
        self.forced = set(forced)
        self._found: dict[Task, Finding] = {}
        self._digests: dict[Path, str | None] = {}
        self._standing = Standing(plan)

    def of(self, task: Task) -> Finding:
        """Return the state of a task's outputs: as they were made, and from what there is now."""
        if task not in self._found:
            self._found[task] = self._find(task)
        return self._found[task]

    @cached_property
    def to_run(self) -> list[Task]:
        """The tasks that a run does; Snakemake is told these, and decides nothing by itself.

        What is there and not right is made again, and so is all that is there and comes from it.
        What is missing is made only if it is a target, or read by a task that runs: tables and
        figures stand without the data that they come from.
        """
        found: set[Task] = set()
        while True:
            before = len(found)
            for task in reversed(self.concerned):  # readers first: what do they need?
                missing = self.of(task).state == "missing"
                wanted = task in self.targets or self._is_read_by(task, found)
                if task in self.forced or (wanted if missing else self.of(task).state != "fresh"):
                    found.add(task)
            for task in self.concerned:  # and what comes from what is made again?
                if self.of(task).state != "missing" and found.intersection(self.plan.needs(task)):
                    found.add(task)
            if len(found) == before:
                return [task for task in self.concerned if task in found]

    @cached_property
    def concerned(self) -> list[Task]:
        """The targets and all that they come from, each after those that it reads."""
        reached = set(self.targets)
        for task in reversed(self.plan.tasks):
            if task in reached:
                reached.update(self.plan.needs(task))
        return [task for task in self.plan.tasks if task in reached]

    def why(self, task: Task) -> str:
        """Say why a run does a task."""
        found = self.of(task)
        if task in self.forced:
            return "it is asked for"
        if found.state != "fresh":
            return found.why or found.state
        source = next(need for need in self.plan.needs(task) if need in self._running)
        return f"it comes from {source.name}"

    @cached_property
    def _running(self) -> set[Task]:
        return set(self.to_run)

    @cached_property
    def _readers(self) -> dict[Task, list[Task]]:
        readers: dict[Task, list[Task]] = {}
        for task in self.concerned:
            for need in self.plan.needs(task):
                readers.setdefault(need, []).append(task)
        return readers

    def _is_read_by(self, task: Task, tasks: set[Task]) -> bool:
        return not tasks.isdisjoint(self._readers.get(task, ()))

    def broken_entries(self, task: Task) -> str:
        """Say which of the cache entries that an index names are gone or altered."""
        if task.verb not in ("simulate", "train") or self.of(task).state != "fresh":
            return ""
        folder = self.plan.store.cache("data" if task.verb == "simulate" else "models")
        index = json.loads(read_bytes(self.plan.outputs(task)[0]))
        bad = [entry["file"] for entry in index if not is_whole(folder / entry["file"])]
        if not bad:
            return ""
        some = f"{len(bad)} of its cache entries are gone or altered, such as {folder / bad[0]}"
        return f"{some}: made anew when they are needed"

    def _find(self, task: Task) -> Finding:
        outputs = self.plan.outputs(task)
        there = [path for path in outputs if os.path.lexists(path)]
        for path in there:
            if problem := self._damage(path, self.plan.record(path)):
                return Finding("damaged", f"{path.name}: {problem}")
        if len(there) < len(outputs):
            return Finding("missing")
        reasons: list[str] = []
        for record in {id(one): one for one in map(self.plan.record, outputs)}.values():
            assert record is not None  # or what it vouches for were damaged
            reasons += self._reasons(task, record)
            reasons += self._other_inputs(task, record["inputs"])
        reasons = distinct(reasons)  # of several places, each has a record
        return Finding("stale", _first(reasons)) if reasons else Finding("fresh")

    def _damage(self, path: Path, record: dict[str, Any] | None) -> str | None:
        try:
            content = read_bytes(path)
        except UserError:
            return damage(path)
        self._digests[path] = digest(content)
        return damage_of(path, content, record)

    def _digest(self, path: Path) -> str | None:
        """Return the checksum of a file as it is now; None where there is none."""
        if path not in self._digests:
            try:
                self._digests[path] = digest(read_bytes(path))
            except UserError:
                self._digests[path] = None
        return self._digests[path]

    def _other_inputs(self, task: Task, recorded: dict[str, str]) -> Iterator[str]:
        """Say which of a task's inputs is not what it was made from; one that is gone is right."""
        paths = {str(path): path for path in self.plan.outputs(*self.plan.needs(task))}
        for name in sorted(paths.keys() | recorded.keys()):
            if name not in paths:
                yield f"it no longer reads {name}"
            elif name not in recorded:
                yield f"it was made without {name}"
            elif self._digest(paths[name]) not in (recorded[name], None):
                yield f"{name} is not what it was made from"

    def _reasons(self, task: Task, record: dict[str, Any]) -> list[str]:
        """Say why a task's record is not what it would be now."""
        if self._standing.is_as_recorded(task, record):
            return []
        expected = self.plan.stands_on(task)
        code, now = record["code"], expected["code"]
        reasons: list[str] = []
        if code["digest"] != now["digest"]:
            places = VERBS[task.verb].code(self.plan.experiments, task).places
            reasons += _changed_code(code["definitions"], now["definitions"], places)
        for name in ("versions", "device"):
            reasons += _differences(code[name], now[name], name)
        text = canonical(expected["spec"])
        if canonical(record["spec"]) == text:
            return reasons
        settings = list(_differences(record["spec"], json.loads(text), ""))
        # The digest of all specifications stands for what is not said otherwise.
        said = [words for words in settings if "results changed" not in words]
        return reasons + (said or ["what it is made of changed"])


def _first(reasons: list[str]) -> str:
    """Return the first reasons, and how many more there are."""
    left = len(reasons) - MOST_REASONS
    shown = reasons[:MOST_REASONS] if left > 1 else reasons
    return "; ".join([*shown, f"and {left} more"] if left > 1 else shown)


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
