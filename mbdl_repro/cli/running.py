"""The command that runs experiments: a short way to what Snakemake is told."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from mbdl_repro.cli.commands import Command
from mbdl_repro.cli.options import (
    EITHER,
    METHOD,
    comparisons,
    device_option,
    json_option,
    scale_option,
)
from mbdl_repro.cli.shared import deliver
from mbdl_repro.errors import UserError, named

if TYPE_CHECKING:
    from mbdl_repro.experiments.experiment import Experiment
    from mbdl_repro.experiments.scale import Scale


@click.command(
    cls=Command,
    examples=(
        "mbdl run 5.06 --scale smoke                      # all of it, small",
        "mbdl run 5.06 --methods lista,ista --scale smoke # two of its methods",
        "mbdl run 5.06 --dry-run                          # which jobs would run?",
    ),
    keys="with --methods, the rows that are shown, as `mbdl table --json` has them",
)
@click.argument("names", metavar="[NAME]...", type=EITHER, nargs=-1)
@click.option("--methods", "only", metavar="A,B,...", type=METHOD, help="Only these methods.")
@click.option(
    "--cores", metavar="N", default="all", show_default=True, help="How many jobs at a time."
)
@click.option("--force", is_flag=True, help="Make anew what is made already.")
@click.option("-n", "--dry-run", is_flag=True, help="Show the jobs, and run none.")
@scale_option
@device_option
@json_option
def run(
    names: tuple[str, ...],
    only: str | None,
    cores: str,
    force: bool,
    dry_run: bool,
    scale_name: str,
    device_name: str,
    in_json: bool,
) -> None:
    """Compute experiments or comparisons: all that are named, or everything.

    What is made already stays. Ctrl-C stops a run; the same command goes on where it was.

    With --methods, these methods of one experiment are fitted, scored and shown as a table. Its
    own table, verdicts and figure, which hold all its methods, stay as they are.
    """
    if cores != "all" and not (cores.isdigit() and int(cores) > 0):
        raise UserError(f"--cores {cores}: should be a number of 1 or more, or all")
    if in_json and not only:
        raise UserError("--json is for --methods: `mbdl table NAME --json` prints a whole table")
    from mbdl_repro.experiments import reading

    scale = reading.load_scale(scale_name)
    compared = [name for name in names if name in comparisons()]
    settings = {} if compared else {"experiments": ",".join(names)}
    settings |= {"scale": scale.name, "device": device_name}
    flags = ["--dry-run"] * dry_run
    targets: list[str] = []
    labels: list[str] = []
    if only:
        experiment = _one(names, compared, scale)
        labels = [named(one.strip(), experiment.methods, "method") for one in only.split(",")]
        targets = _scores(experiment, labels, scale)
    elif compared:
        targets = _figures(names, compared, scale)
    flags += ["--force" if compared else "--forceall"] * force
    config = [f"{key}={value}" for key, value in settings.items() if value]
    code = snakemake(["--cores", cores, *targets, *flags, "--config", *config], quiet=bool(only))
    if code:
        sys.exit(code)
    if only and not dry_run:
        _show_scores(experiment, labels, scale, "json" if in_json else "text")


def _one(names: Sequence[str], compared: Sequence[str], scale: Scale) -> Experiment:
    """Return the experiment whose methods are chosen: there is to be one."""
    from mbdl_repro.experiments import reading

    if len(names) != 1 or compared:
        raise UserError("--methods chooses among the methods of one experiment: name that one")
    return reading.load(names[0], scale)


def _scores(experiment: Experiment, labels: Sequence[str], scale: Scale) -> list[str]:
    """Return the files that hold the scores of these methods."""
    from mbdl_repro.store.paths import Store

    return [str(Store.of(scale).scores(experiment.name, label)) for label in labels]


def _figures(names: Sequence[str], compared: Sequence[str], scale: Scale) -> list[str]:
    """Return the figures of comparisons: a run that makes one makes its table and verdicts."""
    from mbdl_repro.store.paths import Store

    others = [name for name in names if name not in compared]
    if others:
        raise UserError(
            f"{compared[0]} is a comparison, which reads many experiments: run it by itself, "
            f"and {others[0]} by itself"
        )
    return [str(Store.of(scale).figure(name)) for name in compared]


def snakemake(words: Sequence[str], quiet: bool = False) -> int:
    """Run Snakemake in this folder, and return its exit code; Ctrl-C and SIGTERM go through to it.

    Args:
        words: of its command line.
        quiet: whether what it prints is kept from the standard output.
    """
    command = [sys.executable, "-m", "snakemake", *words]
    process = subprocess.Popen(command, stdout=sys.stderr.fileno() if quiet else None)

    def pass_on(number: int, frame: Any) -> None:
        if number != signal.SIGINT:  # which a terminal sends to both
            process.send_signal(number)

    before = {n: signal.signal(n, pass_on) for n in (signal.SIGINT, signal.SIGTERM)}
    try:
        code = process.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return 128 - code if code < 0 else code


def _show_scores(experiment: Experiment, labels: Sequence[str], scale: Scale, form: str) -> None:
    """Print what these methods reached, as the table of the whole experiment would have it."""
    from mbdl_repro.cli.results import lines_of
    from mbdl_repro.pipeline.stages.summarize import described, summary_of
    from mbdl_repro.pipeline.stages.tabulate import long_table
    from mbdl_repro.reporting import tables
    from mbdl_repro.store.paths import Store
    from mbdl_repro.store.records import read_table

    store = Store.of(scale)
    rows = long_table([read_table(store.scores(experiment.name, label)) for label in labels])
    table = tables.final(described(summary_of(rows, experiment.scales), experiment))
    head, lines = lines_of(experiment, table)
    deliver(table, head, lines, form, None)
