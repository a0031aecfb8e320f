"""Commands that say what is made and what would be, and keep it in order."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import click

from mbdl_repro.cli.shared import Command, device_option, scale_option
from mbdl_repro.store.files import write_bytes

if TYPE_CHECKING:
    from mbdl_repro.pipeline.status import Status
    from mbdl_repro.pipeline.verbs import Task

NOT_NEEDED = "missing, but not needed by what is fresh"
COLOURS = {"fresh": "green", "stale": "yellow"}


@click.command(cls=Command)
@click.argument("experiments", nargs=-1)
@click.option("-v", "--verbose", is_flag=True, help="Fresh ones and their files, too.")
@click.option("--entries", is_flag=True, help="Read all cache entries, too: are they whole?")
@scale_option
@device_option
def status(
    experiments: tuple[str, ...],
    verbose: bool,
    entries: bool,
    scale_name: str,
    device_name: str,
) -> None:
    """Say of every artifact whether it is fresh, stale, damaged or missing, and why."""
    from mbdl_repro.pipeline.status import Finding

    found = _status(experiments, scale_name, device_name)
    counts: Counter[str] = Counter()
    needed = set(found.to_run)
    order = list(found.plan.experiments)
    for task in sorted(found.plan.tasks, key=lambda t: _place(t, order)):
        state = found.of(task)
        if state.state == "fresh" and task in needed:
            state = Finding("stale", found.why(task))
        if state.state == "missing" and task not in needed and not verbose:
            counts[NOT_NEEDED] += 1
            continue
        counts[state.state] += 1
        broken = found.broken_entries(task) if entries else ""
        if verbose or broken or state.state != "fresh":
            shown = click.style(f"{state.state:8}", fg=COLOURS.get(state.state, "red"))
            why = "; ".join(filter(None, [state.why, broken]))
            click.echo(f"{shown}{task.name}" + (f": {why}" if why else ""))
        if verbose:
            for path in found.plan.outputs(task):
                click.echo(f"          {path}")
    click.echo(", ".join(f"{n} {state}" for state, n in sorted(counts.items())))


def _place(task: Task, order: list[str]) -> int:
    return order.index(task.experiment) if task.experiment in order else len(order)


@click.command(cls=Command)
@click.argument("experiments", nargs=-1)
@click.option("--cores", type=click.IntRange(min=1), default=1, show_default=True)
@click.option("--forceall", is_flag=True, help="As if nothing were made.")
@scale_option
@device_option
def plan(
    experiments: tuple[str, ...],
    cores: int,
    forceall: bool,
    scale_name: str,
    device_name: str,
) -> None:
    """Say what a run would do, and how long that should take."""
    from mbdl_repro.pipeline.costs import Costs, duration

    found = _status(experiments, scale_name, device_name, forceall)
    if not found.to_run:
        click.echo("nothing to do: everything is fresh")
        return
    costs = Costs(found.plan)
    for task in found.to_run:
        seconds = costs.seconds(task)
        shown = "?" if seconds is None else duration(seconds)
        click.echo(f"{shown:>7}  {task.name}: {found.why(task)}")
    click.echo(costs.work(found.to_run, cores))


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


def _status(
    experiments: tuple[str, ...], scale_name: str, device_name: str, forceall: bool = False
) -> Status:
    from mbdl_repro.experiments.reading import load_scale
    from mbdl_repro.pipeline.plan import Plan
    from mbdl_repro.pipeline.status import Status

    plan = Plan(load_scale(scale_name), ",".join(experiments) or None, device_name)
    return Status(plan, forced=plan.tasks if forceall else ())
