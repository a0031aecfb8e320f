"""The state of every artifact, what a run would do about it, and how long that should take."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import click

from mbdl_repro.contract.hashing import canonical
from mbdl_repro.errors import UserError
from mbdl_repro.experiments.experiment import Experiment, Fit
from mbdl_repro.experiments.reading import load_scale
from mbdl_repro.experiments.specs import bound_spec, data_spec, fit_spec, score_spec
from mbdl_repro.pipeline.job import code_of, duration, gathering_spec, job_spec
from mbdl_repro.pipeline.plan import Plan, take_lock
from mbdl_repro.store import cells
from mbdl_repro.store.artifacts import Store, damage, read_record
from mbdl_repro.store.fingerprint import module_path

START_UP_SECONDS = {"train": 3.5, "evaluate": 2.0, "bound": 2.0, "draw": 2.5}
"""What a job costs before it does anything: imports, mostly."""


@dataclasses.dataclass(frozen=True)
class Step:
    """A job as the workflow has it: its outputs, and the steps whose outputs it reads."""

    verb: str
    experiment: Experiment | None
    method: str | None
    part: int
    outputs: tuple[Path, ...]
    inputs: tuple[Step, ...]

    @property
    def name(self) -> str:
        """How messages name it."""
        words = [self.verb]
        if self.experiment:
            words.append(self.experiment.name)
        if self.experiment and self.method:
            words.append(self.method)
            if self.verb == "train" and (jobs := self.experiment.methods[self.method].jobs) > 1:
                words.append(f"part {self.part} of {jobs}")
        return " ".join(words)

    @cached_property
    def record(self) -> dict[str, Any] | None:
        """What made its outputs."""
        return read_record(self.outputs[0])

    @cached_property
    def state(self) -> tuple[str, str]:
        """Its state, ``fresh``, ``stale``, ``damaged`` or ``missing``, and why, in words."""
        missing = [path for path in self.outputs if not path.is_file()]
        if missing:
            aside = missing[0].with_name(missing[0].name + ".damaged")
            return "missing", "a damaged one was set aside" if aside.exists() else ""
        for path in self.outputs:
            if problem := damage(path):
                return "damaged", f"{path.name}: {problem}"
        assert self.record is not None
        reasons = [*self._changed_code(), *self._changed_settings()]
        return ("stale", "; ".join(reasons)) if reasons else ("fresh", "")

    @cached_property
    def changed(self) -> bool:
        """Whether it, or anything that it comes from, is there and no longer right."""
        return self.state[0] in ("stale", "damaged") or any(step.changed for step in self.inputs)

    def _changed_code(self) -> Iterator[str]:
        now, then = code_of(self.verb, self.experiment, self.method), self.record["code"]  # type: ignore[index]
        for module in sorted(now.keys() | then.keys()):
            if now.get(module) == then.get(module):
                continue
            path = module_path(module)
            file = os.path.relpath(path) if path else module
            how = (
                "is new to it"
                if module not in then
                else ("changed" if module in now else "is no longer used")
            )
            yield f"{file} {how}"

    def _changed_settings(self) -> Iterator[str]:
        then = self.record["spec"]  # type: ignore[index]
        now = json.loads(canonical(self.spec))
        found = list(_differences(then, now, ""))
        # The digest of all cells' specifications stands for what is not said otherwise.
        words = [words for words in found if "results changed" not in words]
        yield from words or (["the specification of its cells changed"] if found else [])

    @property
    def spec(self) -> dict[str, Any]:
        """The slice of its experiment that it stands on."""
        assert self.experiment is not None
        return job_spec(self.verb, self.experiment, self.method)


@dataclasses.dataclass(frozen=True)
class GatheringStep(Step):
    """A job that gathers all experiments."""

    book: dict[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def spec(self) -> dict[str, Any]:
        """The content of all experiment files."""
        return self.book


def steps(plan: Plan) -> list[Step]:
    """Return the steps of a run, each after those that it reads."""
    found: list[Step] = []
    ends: dict[str, list[Step]] = {"table": [], "verify": [], "draw": []}
    for experiment in plan.experiments.values():
        own = _experiment_steps(experiment, plan.store)
        found += own
        table, verify, draw = own[-3:]
        ends["table"].append(table)
        ends["verify"].append(verify)
        ends["draw"].append(draw)
    if not plan.narrowed:
        verdicts, report = (plan.store.verdicts(),), (plan.store.report(),)
        gather = _gathering("gather", plan, verdicts, ends["verify"])
        found += [
            gather,
            _gathering("report", plan, report, [gather, *ends["table"], *ends["draw"]]),
        ]
    return found


def _gathering(verb: str, plan: Plan, outputs: tuple[Path, ...], inputs: list[Step]) -> Step:
    book = gathering_spec(verb, plan.experiments)
    return GatheringStep(verb, None, None, 1, outputs, tuple(inputs), book)


def _experiment_steps(experiment: Experiment, store: Store) -> list[Step]:
    """Return an experiment's steps; the last three are its table, verdicts and figure."""
    name = experiment.name
    data = Step("simulate", experiment, None, 1, (store.data(name),), ())
    found = [data]
    scored = []
    for label, entry in experiment.methods.items():
        fitted = [
            Step(
                "train",
                experiment,
                label,
                part,
                (
                    store.model(name, label, part, entry.jobs),
                    store.history(name, label, part, entry.jobs),
                ),
                (data,),
            )
            for part in range(1, entry.jobs + 1)
            if entry.has_fit
        ]
        outputs = (store.scores(name, label), store.examples(name, label))
        scored.append(Step("evaluate", experiment, label, 1, outputs, (data, *fitted)))
        found += [*fitted, scored[-1]]
    if experiment.bounds:
        scored.append(Step("bound", experiment, None, 1, (store.bounds(name),), (data,)))
        found.append(scored[-1])
    tables = (store.table(name), store.seed_rows(name), store.shown(name))
    table = Step("tabulate", experiment, None, 1, tables, tuple(scored))
    pictures = (store.figure(name, "png"), store.figure(name, "pdf"))
    return [
        *found,
        table,
        Step("verify", experiment, None, 1, (store.verdicts(name),), (table,)),
        Step("draw", experiment, None, 1, pictures, (table,)),
    ]


def to_run(plan: Plan) -> list[Step]:
    """Return the steps that a run would do, as Snakemake plans them.

    What changed is done again, and all that comes from it. What is missing is made only for a
    step that needs it: tables and figures that were adopted stand without their data.
    """
    everything = steps(plan)
    targets = {str(path) for path in plan.everything()}
    wanted: set[int] = set()
    for step in reversed(everything):
        is_target = any(str(path) in targets for path in step.outputs)
        needed = is_target or any(
            id(step) in {id(i) for i in other.inputs} and id(other) in wanted
            for other in everything
        )
        if step.changed or (step.state[0] == "missing" and needed):
            wanted.add(id(step))
    # What is made because it was missing is new to all that stands on it, needed or not.
    for step in everything:
        if any(id(i) in wanted for i in step.inputs):
            present = step.state[0] != "missing"
            if present or any(str(path) in targets for path in step.outputs):
                wanted.add(id(step))
    return [step for step in everything if id(step) in wanted]


# Times ------------------------------------------------------------------------------------------


def seconds_of(step: Step, store: Store) -> float | None:
    """Return how long a step should take, from recorded times; None where there are none."""
    start_up = START_UP_SECONDS.get(step.verb, 1.0)
    if step.verb in ("train", "evaluate"):
        assert step.experiment is not None and step.method is not None
        missing, total = _cells_to_do(step, store)
        if missing == 0:
            return start_up
        each = _seconds_each(step, store, total)
        return None if each is None else start_up + missing * each
    record = step.record
    return start_up if record is None else max(start_up, float(record["seconds"]))


def _cells_to_do(step: Step, store: Store) -> tuple[int, int]:
    """Return how many cells of a step are not there yet, and how many it has."""
    experiment, label = step.experiment, step.method
    assert experiment is not None and label is not None
    if step.verb == "train":
        fits: list[Fit] = experiment.fits(label)[step.part - 1 :: experiment.methods[label].jobs]
        stored = cells.model_cells(experiment, label, store)
        keys = [stored.key(fit_spec(experiment, label, fit)) for fit in fits]
    else:
        stored = cells.score_cells(experiment, label, store)
        keys = [
            stored.key(score_spec(experiment, label, fit, point))
            for fit, point in experiment.scorings(label)
        ]
    return sum(not stored.has(key) for key in keys), len(keys)


def _seconds_each(step: Step, store: Store, total: int) -> float | None:
    """Return what one fit or scoring took: as last recorded, or as the kept table tells."""
    key = {"train": "fit_seconds", "evaluate": "score_seconds"}[step.verb]
    if step.record and step.record.get(key):
        return float(step.record[key]) / step.record.get("n_cells", total)
    assert step.experiment is not None
    table = read_record(store.table(step.experiment.name)) or {}
    cost = table.get("cost", {}).get(step.method)
    if cost is None:
        return None
    seconds = float(cost["train_seconds" if step.verb == "train" else "evaluate_seconds"])
    return seconds / (
        total * (step.experiment.methods[str(step.method)].jobs if step.verb == "train" else 1)
    )


# Commands ---------------------------------------------------------------------------------------


def show_status(scale: str, chosen: str | None, verbose: bool) -> None:
    """Print the state of every artifact; those that are fresh only if asked for in full."""
    plan = Plan(load_scale(scale), chosen)
    counts: dict[str, int] = {}
    needed = {step.outputs for step in to_run(plan)}
    for step in steps(plan):
        state, why = step.state
        if state == "missing" and step.outputs not in needed and not verbose:
            state = "missing, but not needed by what is fresh"
            counts[state] = counts.get(state, 0) + 1
            continue
        if state == "fresh" and step.changed:
            source = next(s for s in step.inputs if s.changed)
            state, why = "stale", f"it comes from {source.name}"
        broken = "" if state != "fresh" else _broken_cells(step, plan.store)
        if broken:
            state, why = "damaged", broken
        counts[state] = counts.get(state, 0) + 1
        if verbose or state != "fresh":
            color = {"fresh": "green", "stale": "yellow"}.get(state, "red")
            click.echo(
                click.style(f"{state:8}", fg=color) + f"{step.name}" + (f": {why}" if why else "")
            )
            if verbose:
                for path in step.outputs:
                    click.echo(f"          {path}")
    click.echo(", ".join(f"{n} {state}" for state, n in sorted(counts.items())))


def _broken_cells(step: Step, store: Store) -> str:
    """Say which of the cells that an index names are gone or altered."""
    if step.verb not in ("simulate", "train"):
        return ""
    folder = store.cells("data" if step.verb == "simulate" else "models")
    bad = [
        entry["file"]
        for entry in json.loads(step.outputs[0].read_bytes())
        if not cells.is_whole(folder / entry["file"])
    ]
    return f"{len(bad)} of its cells are gone or altered, such as {folder / bad[0]}" if bad else ""


def show_plan(scale: str, chosen: str | None, cores: int) -> None:
    """Print what a run would do and how long it should take."""
    plan = Plan(load_scale(scale), chosen)
    todo = to_run(plan)
    if not todo:
        click.echo("nothing to do: everything is fresh")
        return
    known, unknown = 0.0, 0
    for step in todo:
        seconds = seconds_of(step, plan.store)
        known += seconds or 0.0
        unknown += seconds is None
        state, why = step.state
        reason = why or (state if state != "fresh" else "what it comes from is made anew")
        shown = "?" if seconds is None else duration(seconds)
        click.echo(f"{shown:>7}  {step.name}: {reason}")
    longest = max((seconds_of(step, plan.store) or 0.0) for step in todo)
    more = f", and {unknown} whose time is not known yet" if unknown else ""
    total = duration(max(known / cores, longest))
    click.echo(f"{len(todo)} jobs, about {total} on {cores} core{'s' * (cores > 1)}{more}")


def adopt(scale: str) -> None:
    """Take the tables, verdicts and figures that came with the repository for made.

    Raises:
        UserError: if one is damaged, or is not what the code and the experiments here make.
    """
    plan = Plan(load_scale(scale))
    take_lock().close()  # no run is at work; the touch below makes no use of it
    bad = []
    for step in steps(plan):
        state, why = step.state
        kept = step.verb in ("tabulate", "verify", "draw", "gather", "report")
        # Data, fits and scores need not be there; those that are would count as made, too.
        if state != "fresh" and (kept or state != "missing"):
            bad.append(f"{step.name} is {state}{': ' if why else ''}{why}")
    if bad:
        raise UserError(
            "not adopted, since these are not as the code and the experiments here make them:\n  "
            + "\n  ".join(bad)
            + "\nRun snakemake to make them anew."
        )
    touch = ["--cores", "1", "--touch", "--forceall", "--quiet", "--config", f"scale={scale}"]
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", *touch], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise UserError(f"not adopted; snakemake says:\n{done.stdout}{done.stderr}")
    click.echo("adopted: tables, verdicts, figures and report are as they were made")


def prune(scale: str, dry_run: bool) -> None:
    """Remove cells that no experiment needs any more, and damaged files that were set aside."""
    plan = Plan(load_scale(scale))
    lock = take_lock()  # a run at work would lose what it is about to use
    used: set[Path] = set()
    for experiment in plan.experiments.values():
        used |= _used_cells(experiment, plan.store)
    root = plan.store.results
    unused = [
        path
        for path in sorted((root / "cells").glob("*/*"))
        if path not in used and path.name != cells.SECONDS and not path.name.startswith(".")
    ]
    unused += sorted(root.rglob("*.damaged")) + sorted(plan.store.figures.glob("*.damaged"))
    size = sum(path.stat().st_size for path in unused)
    if not dry_run:
        for path in unused:
            path.unlink()
    verb = "would remove" if dry_run else "removed"
    click.echo(f"{verb} {len(unused)} files, {size / 1e6:.1f} MB")
    lock.close()


def _used_cells(experiment: Experiment, store: Store) -> set[Path]:
    """Return the files of the cells that an experiment, as it stands, would use."""
    used: set[Path | None] = set()
    data = cells.data_cells(experiment, store)
    for point in experiment.points:
        for seeds in experiment.blocks:
            for test_point in ({}, *experiment.test_points):
                spec = data_spec(experiment, Fit(point, 0, seeds), test_point or None)
                used.add(data.file(data.key(spec)))
    for label, entry in experiment.methods.items():
        models = cells.model_cells(experiment, label, store)
        scores = cells.score_cells(experiment, label, store)
        for fit, test_point in experiment.scorings(label):
            if entry.has_fit:
                used.add(models.file(models.key(fit_spec(experiment, label, fit))))
            used.add(scores.file(scores.key(score_spec(experiment, label, fit, test_point))))
    bounds = cells.bound_cells(experiment, store)
    for name, fit, test_point in experiment.boundings():
        used.add(bounds.file(bounds.key(bound_spec(experiment, name, fit, test_point))))
    return {path for path in used if path is not None}


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
