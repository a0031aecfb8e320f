"""Commands that say what is made, and what a run would do."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import click

from mbdl_repro.cli.commands import Command
from mbdl_repro.cli.options import EXPERIMENT, device_option, json_option, scale_option
from mbdl_repro.cli.shared import as_json, put

if TYPE_CHECKING:
    from mbdl_repro.pipeline.status import Status
    from mbdl_repro.pipeline.verbs import Task

NOT_NEEDED = "missing, but not needed by what is fresh"
COLOURS = {"fresh": "green", "stale": "yellow"}


@click.command(
    cls=Command,
    examples=("mbdl status", "mbdl status 5.06 --verbose"),
    keys="a list of all results; each has name, verb, experiment, method, comparison, state "
    "(fresh, stale, damaged, missing), needed (whether a run would make it), why, files",
)
@click.argument("experiments", type=EXPERIMENT, nargs=-1)
@click.option("-v", "--verbose", is_flag=True, help="Fresh ones and their files, too.")
@click.option("--entries", is_flag=True, help="Read all cache entries, too: are they whole?")
@scale_option
@device_option
@json_option
def status(
    experiments: tuple[str, ...],
    verbose: bool,
    entries: bool,
    scale_name: str,
    device_name: str,
    in_json: bool,
) -> None:
    """Say which results are fresh, stale, damaged or missing, and why."""
    found = _status(experiments, scale_name, device_name)
    order = list(found.plan.experiments)
    tasks = sorted(found.plan.tasks, key=lambda task: _place(task, order))
    needed = set(found.to_run)
    states = [_state(found, task, task in needed, entries) for task in tasks]
    if in_json:
        put(as_json(states))
        return
    counts: Counter[str] = Counter()
    for one in states:
        if one["state"] == "missing" and not one["needed"] and not verbose:
            counts[NOT_NEEDED] += 1
            continue
        counts[one["state"]] += 1
        if verbose or one["why"] or one["state"] != "fresh":
            shown = click.style(f"{one['state']:8}", fg=COLOURS.get(one["state"], "red"))
            click.echo(f"{shown}{one['name']}" + (f": {one['why']}" if one["why"] else ""))
        for path in one["files"] if verbose else ():
            click.echo(f"          {path}")
    click.echo(", ".join(f"{n} {state}" for state, n in sorted(counts.items())))


def _state(found: Status, task: Task, needed: bool, entries: bool) -> dict[str, Any]:
    """Return the state of what a task makes; fresh results of what is made again are stale."""
    state, why = found.of(task).state, found.of(task).why
    if state == "fresh" and needed:
        state, why = "stale", found.why(task)
    broken = found.broken_entries(task) if entries else ""
    return {
        **_named(task),
        "state": state,
        "needed": needed,
        "why": "; ".join(filter(None, [why, broken])),
        "files": [str(path) for path in found.plan.outputs(task)],
    }


def _named(task: Task) -> dict[str, Any]:
    keys = ("name", "verb", "experiment", "method", "comparison")
    return {key: getattr(task, key) for key in keys}


def _place(task: Task, order: list[str]) -> int:
    return order.index(task.experiment) if task.experiment in order else len(order)


@click.command(
    cls=Command,
    examples=("mbdl plan", "mbdl plan 5.06 --forceall --cores 2"),
    keys="a list of jobs in their order; each has name, verb, experiment, method, comparison, "
    "why, seconds (as recorded; null where nobody knows)",
)
@click.argument("experiments", type=EXPERIMENT, nargs=-1)
@click.option(
    "--cores",
    metavar="N",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="How many jobs would run at a time.",
)
@click.option("--forceall", is_flag=True, help="As if nothing were made.")
@scale_option
@device_option
@json_option
def plan(
    experiments: tuple[str, ...],
    cores: int,
    forceall: bool,
    scale_name: str,
    device_name: str,
    in_json: bool,
) -> None:
    """Say what a run would do, why, and how long that should take."""
    from mbdl_repro.pipeline.costs import Costs, duration

    found = _status(experiments, scale_name, device_name, forceall)
    costs = Costs(found.plan)
    if in_json:
        jobs = [
            {**_named(task), "why": found.why(task), "seconds": costs.seconds(task)}
            for task in found.to_run
        ]
        put(as_json(jobs))
        return
    if not found.to_run:
        click.echo("nothing to do: everything is fresh")
        return
    for task in found.to_run:
        seconds = costs.seconds(task)
        shown = "?" if seconds is None else duration(seconds)
        click.echo(f"{shown:>7}  {task.name}: {found.why(task)}")
    click.echo(costs.work(found.to_run, cores))


def _status(
    experiments: tuple[str, ...], scale_name: str, device_name: str, forceall: bool = False
) -> Status:
    from mbdl_repro.experiments.reading import load_scale
    from mbdl_repro.pipeline.plan import Plan
    from mbdl_repro.pipeline.status import Status

    plan = Plan(load_scale(scale_name), ",".join(experiments) or None, device_name)
    return Status(plan, forced=plan.tasks if forceall else ())
