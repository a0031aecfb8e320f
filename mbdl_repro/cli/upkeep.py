"""Commands that say what is made and what would be, and keep it in order."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import click

from mbdl_repro.cli.shared import Command, device_option, scale_option
from mbdl_repro.store.files import write_bytes

if TYPE_CHECKING:
    from mbdl_repro.pipeline.status import Finding, Status
    from mbdl_repro.pipeline.verbs import Task

NOT_NEEDED = "missing, but not needed by what is fresh"
COLOURS = {"fresh": "green", "stale": "yellow"}


@click.command(cls=Command)
@click.argument("experiments", nargs=-1)
@click.option("-v", "--verbose", is_flag=True, help="Fresh ones and their files, too.")
@scale_option
@device_option
def status(experiments: tuple[str, ...], verbose: bool, scale_name: str, device_name: str) -> None:
    """Say of every artifact whether it is fresh, stale, damaged or missing, and why."""
    found = _status(experiments, scale_name, device_name)
    counts: Counter[str] = Counter()
    needed = set(found.to_run)
    order = list(found.plan.experiments)
    for task in sorted(found.plan.tasks, key=lambda t: _place(t, order)):
        state = found.of(task)
        if state.state == "missing" and task not in needed and not verbose:
            counts[NOT_NEEDED] += 1
            continue
        state = _with_inputs(found, task)
        counts[state.state] += 1
        if verbose or state.state != "fresh":
            shown = click.style(f"{state.state:8}", fg=COLOURS.get(state.state, "red"))
            click.echo(f"{shown}{task.name}" + (f": {state.why}" if state.why else ""))
        if verbose:
            for path in found.plan.outputs(task):
                click.echo(f"          {path}")
    click.echo(", ".join(f"{n} {state}" for state, n in sorted(counts.items())))


def _place(task: Task, order: list[str]) -> int:
    return len(order) if task.experiment is None else order.index(task.experiment)


def _with_inputs(found: Status, task: Task) -> Finding:
    """Return the state of a task's outputs, with that of what they come from."""
    from mbdl_repro.pipeline.status import Finding

    state = found.of(task)
    if state.state == "fresh" and found.changed(task):
        source = next(need for need in found.plan.needs(task) if found.changed(need))
        return Finding("stale", f"it comes from {source.name}")
    if state.state == "fresh" and (broken := found.broken_entries(task)):
        return Finding("damaged", broken)
    return state


@click.command(cls=Command)
@click.argument("experiments", nargs=-1)
@click.option("--cores", type=click.IntRange(min=1), default=1, show_default=True)
@scale_option
@device_option
def plan(experiments: tuple[str, ...], cores: int, scale_name: str, device_name: str) -> None:
    """Say what a run would do, and how long that should take."""
    from mbdl_repro.pipeline.job import duration

    found = _status(experiments, scale_name, device_name)
    if not found.to_run:
        click.echo("nothing to do: everything is fresh")
        return
    times = {task: found.seconds(task) for task in found.to_run}
    for task, seconds in times.items():
        state = found.of(task)
        reason = state.why or state.state
        if reason == "fresh":
            reason = "what it comes from is made anew"
        shown = "?" if seconds is None else duration(seconds)
        click.echo(f"{shown:>7}  {task.name}: {reason}")
    known = [seconds for seconds in times.values() if seconds is not None]
    unknown = len(times) - len(known)
    more = f", and {unknown} whose time is not known yet" if unknown else ""
    total = duration(max(sum(known) / cores, max(known, default=0.0)))
    click.echo(f"{len(times)} jobs, about {total} on {cores} core{'s' * (cores > 1)}{more}")


@click.command(cls=Command)
@scale_option
@device_option
def adopt(scale_name: str, device_name: str) -> None:
    """Take the results that came with the repository for made, so that nothing runs again."""
    from mbdl_repro.pipeline import upkeep

    upkeep.adopt(scale_name, device_name)
    click.echo("adopted: tables, verdicts, figures and report are as they were made")


@click.command(cls=Command)
@click.option("-n", "--dry-run", is_flag=True, help="Only say what would be removed.")
@scale_option
def prune(dry_run: bool, scale_name: str) -> None:
    """Remove stored fits, scores and data that no experiment needs any more."""
    from mbdl_repro.pipeline import upkeep

    files, size = upkeep.prune(scale_name, dry_run=dry_run)
    click.echo(f"{'would remove' if dry_run else 'removed'} {files} files, {size / 1e6:.1f} MB")


@click.command(cls=Command)
def readme() -> None:
    """Write what results say into the README and the pages of docs/results."""
    from mbdl_repro.reporting import readme

    for path, text in readme.pages().items():
        write_bytes(path, text.encode())
        click.echo(f"wrote {path}")


def _status(experiments: tuple[str, ...], scale_name: str, device_name: str) -> Status:
    from mbdl_repro.experiments.reading import load_scale
    from mbdl_repro.pipeline.plan import Plan
    from mbdl_repro.pipeline.status import Status

    return Status(Plan(load_scale(scale_name), ",".join(experiments) or None, device_name))
