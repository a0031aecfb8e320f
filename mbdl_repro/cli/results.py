"""Commands that show the tables of experiments, and how claims fared."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mbdl_repro.cli.shared import (
    Command,
    bold,
    deliver,
    experiment_named,
    format_options,
    scale_option,
    stop_unless,
    write,
)
from mbdl_repro.comparisons import reading as comparisons
from mbdl_repro.contract.table import distinct
from mbdl_repro.errors import UserError
from mbdl_repro.experiments import reading
from mbdl_repro.experiments.experiment import Experiment
from mbdl_repro.reporting import numbers, tables
from mbdl_repro.statistics.relations import SIGNS
from mbdl_repro.store.paths import Store
from mbdl_repro.store.records import read_table

if TYPE_CHECKING:
    import pandas as pd

COLOURS = {
    "surpassed": "bright_green",
    "holds": "green",
    "fails": "red",
    "undecided": "yellow",
    "not run": "bright_black",
}


@click.command(cls=Command)
@click.argument("experiment_name", metavar="EXPERIMENT")
@click.option("--metric", "metrics", multiple=True, help="Only this metric; may be repeated.")
@click.option("--method", "rows", multiple=True, help="Only this method or bound; may be repeated.")
@click.option("--seeds", is_flag=True, help="The value of every seed, not their mean.")
@click.option("--iterations", is_flag=True, help="Recorded iterations too, not answers alone.")
@format_options
@scale_option
def table(
    experiment_name: str,
    metrics: tuple[str, ...],
    rows: tuple[str, ...],
    seeds: bool,
    iterations: bool,
    form: str,
    output: Path | None,
    scale_name: str,
) -> None:
    """Show an experiment's or a comparison's table: means with 95 % intervals over seeds."""
    scale = reading.load_scale(scale_name)
    store = Store.of(scale)
    if experiment_name in comparisons.names():
        if metrics or rows or seeds or iterations:
            raise UserError(
                f"{experiment_name} is a comparison, whose table is shown whole: leave out "
                "--metric, --method, --seeds and --iterations"
            )
        _table_of_comparison(read_table(store.comparison(experiment_name)), form, output)
        return
    experiment = experiment_named(experiment_name, scale)
    for metric in metrics:
        stop_unless(metric, experiment.metrics, "metric")
    for row in rows:
        stop_unless(row, [*experiment.methods, *experiment.bounds], "method or bound")
    path = store.seed_rows(experiment.name) if seeds else store.table(experiment.name)
    frame = read_table(path)
    if not iterations:
        frame = tables.final(frame)
    for column, chosen in (("metric", metrics), ("method", rows)):
        if chosen:
            frame = frame[frame[column].isin(chosen)]
    head, lines = _lines(experiment, frame, seeds)
    deliver(frame, head, lines, form, output)


def _table_of_comparison(frame: pd.DataFrame, form: str, output: Path | None) -> None:
    """Show a comparison's table; each value with its interval in its own cell."""
    head = [name for name in frame if not re.search("_(low|high)$", name)]
    lines = [[_cell(row, name) for name in head] for row in frame.to_dict("records")]
    deliver(frame, head, lines, form, output)


def _cell(row: dict[str, Any], name: str) -> str:
    value = row[name]
    if not isinstance(value, float):
        return str(value)
    if value != value:
        return ""
    if f"{name}_low" in row:
        return f"{value:.4g} [{row[f'{name}_low']:.4g}, {row[f'{name}_high']:.4g}]"
    return f"{value:.4g}"


def _lines(
    experiment: Experiment, frame: pd.DataFrame, seeds: bool
) -> tuple[list[str], list[list[str]]]:
    """Return a line a method and place, with a column a metric."""
    keys = ["method", *tables.place_columns(experiment, frame)]
    keys += ["iteration"] if frame["iteration"].notna().any() else []
    keys += ["seed"] if seeds else []
    metrics = distinct(frame["metric"])
    lines: dict[tuple[str, ...], dict[str, str]] = {}
    for row in frame.to_dict("records"):
        key = tuple(_key(name, row[name]) for name in keys)
        half_width = 0.0 if seeds else row["ci_high"] - row["mean"]
        cell = numbers.number(row["value" if seeds else "mean"], half_width)
        lines.setdefault(key, {})[row["metric"]] = cell
    body = [[*key, *(cells.get(m, "") for m in metrics)] for key, cells in lines.items()]
    return [*keys, *metrics], body


def _key(column: str, value: Any) -> str:
    if column == "n_train" and value == 0:
        return ""
    return "last" if value != value else numbers.plain(value)


@click.command(cls=Command)
@click.argument("experiment_name", metavar="[EXPERIMENT]", required=False)
@format_options
@scale_option
def verdicts(experiment_name: str | None, form: str, output: Path | None, scale_name: str) -> None:
    """Show how the book's claims and its published numbers fared."""
    scale = reading.load_scale(scale_name)
    name = experiment_name
    if name and name not in comparisons.names():
        name = experiment_named(name, scale).name
    frame = _verdicts_of(name, Store.of(scale))
    lines = [_verdict_line(row) for row in frame.to_dict("records")]
    if form == "text":
        write(_verdicts_as_text(lines), output)
    else:
        head = ["experiment", "verdict", "claim", "source", "comparison", "found"]
        deliver(frame, head, lines, form, output)


def _verdicts_of(name: str | None, store: Store) -> pd.DataFrame:
    """Read the verdicts of one experiment or comparison, or of all that have some."""
    import pandas as pd

    names = [name] if name else [*reading.names(), *comparisons.names()]
    paths = [store.verdicts(one) for one in names]
    # One that is asked for and has none is an error; of all, those that have none are left out.
    frames = [read_table(path) for path in paths if name or path.is_file()]
    if not frames:
        raise UserError(f"no verdicts in {paths[0].parent}: run snakemake to make them")
    found = [frame for frame in frames if "claim" in frame]
    return pd.concat(found, ignore_index=True) if found else frames[0]


def _verdicts_as_text(lines: list[list[str]]) -> str:
    """Return the verdicts of each experiment under its name, and how many there are of each."""
    blocks = []
    for name in distinct(line[0] for line in lines):
        rows = [
            [
                f"  {verdict:9}",
                f"{claim}\n{comparison}{found and f', {found}'} ({source})",
            ]
            for where, verdict, claim, source, comparison, found in lines
            if where == name
        ]
        blocks.append(f"{bold(name)}\n{tables.as_text([], rows, COLOURS)}")
    counts = [f"{verdict}: {sum(line[1] == verdict for line in lines)}" for verdict in COLOURS]
    return "\n".join([*blocks, ", ".join(counts) + "\n"])


def _verdict_line(row: dict[str, Any]) -> list[str]:
    """Return a verdict as its experiment, itself, claim, source, comparison and what was found."""
    left, right = (
        str(row[side])
        if row["verdict"] == "not run" or re.fullmatch(r"[-\d.e+]+", str(row[side]))
        else f"{row[side]} {numbers.number(row[f'{side}_value'])}"
        for side in ("left", "right")
    )
    sign = "+" if row["relation"] == SIGNS["reaches"] else "±"
    tolerant = row["tolerance"] == row["tolerance"]
    within = f" {sign}{numbers.plain(row['tolerance'])}" if tolerant else ""
    found = "" if row["verdict"] == "not run" else numbers.effect(row)
    comparison = f"{left} {row['relation']} {right}{within}"
    return [row["experiment"], row["verdict"], row["claim"], row["source"], comparison, found]
