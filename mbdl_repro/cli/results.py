"""The command that shows the tables of experiments and comparisons."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mbdl_repro.cli.commands import Command
from mbdl_repro.cli.comparison_table import deliver_comparison
from mbdl_repro.cli.options import (
    EITHER,
    METHOD,
    METRIC,
    comparisons,
    output_options,
    scale_option,
)
from mbdl_repro.cli.shared import deliver
from mbdl_repro.errors import UserError, named

if TYPE_CHECKING:
    import pandas as pd

    from mbdl_repro.experiments.experiment import Experiment


@click.command(
    cls=Command,
    examples=(
        "mbdl table 5.06_lista",
        "mbdl table 5.06 --method lista --seeds",
        "mbdl table 5.06 --format latex --output lista.tex",
    ),
    keys="a list of rows, with all columns of the table: method, family, belief, n_parameters, "
    "metric, mean, ci_low, ci_high, n_seeds, n_train, iteration (null: the answer), and those "
    "swept; with --seeds, seed and value instead of the mean",
)
@click.argument("name", type=EITHER)
@click.option("--metric", "metrics", type=METRIC, multiple=True, help="Only this; repeatable.")
@click.option(
    "--method", "rows", type=METHOD, multiple=True, help="Only this method or bound; repeatable."
)
@click.option("--seeds", is_flag=True, help="The value of each seed, in place of their mean.")
@click.option("--iterations", is_flag=True, help="Recorded iterations too, not answers alone.")
@output_options
@scale_option
def table(
    name: str,
    metrics: tuple[str, ...],
    rows: tuple[str, ...],
    seeds: bool,
    iterations: bool,
    form: str,
    in_json: bool,
    output: Path | None,
    scale_name: str,
) -> None:
    """Show a table of results: means over seeds, with 95 % intervals."""
    from mbdl_repro.experiments import reading
    from mbdl_repro.reporting import tables
    from mbdl_repro.reporting.made import made_table
    from mbdl_repro.store.paths import Store

    scale = reading.load_scale(scale_name)
    store = Store.of(scale)
    form = "json" if in_json else form
    if name in comparisons():
        if metrics or rows or seeds or iterations:
            raise UserError(
                f"{name} is a comparison, whose table is shown whole: leave out "
                "--metric, --method, --seeds and --iterations"
            )
        deliver_comparison(made_table(store.comparison(name), name, scale_name), form, output)
        return
    experiment = reading.load(name, scale)
    metrics = tuple(named(one, experiment.metrics, "metric") for one in metrics)
    known = [*experiment.methods, *experiment.bounds]
    rows = tuple(named(one, known, "method or bound") for one in rows)
    path = store.seed_rows(name) if seeds else store.table(name)
    frame = made_table(path, name, scale_name)
    if not iterations:
        frame = tables.final(frame)
    for column, chosen in (("metric", metrics), ("method", rows)):
        if chosen:
            frame = frame[frame[column].isin(chosen)]
    head, lines = lines_of(experiment, frame, seeds)
    deliver(frame, head, lines, form, output)


def lines_of(
    experiment: Experiment, frame: pd.DataFrame, seeds: bool = False
) -> tuple[list[str], list[list[str]]]:
    """Return a table as people read it: a line a method and place, with a column a metric.

    Args:
        experiment: that the rows are of.
        frame: rows of the summary, or of each seed.
        seeds: whether they are of each seed.

    Returns:
        The names of the columns, and the cells of each line.
    """
    from mbdl_repro.contract.table import distinct
    from mbdl_repro.reporting import numbers, tables

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
    from mbdl_repro.reporting import numbers

    if column == "n_train" and value == 0:
        return ""
    return "last" if value != value else numbers.plain(value)
