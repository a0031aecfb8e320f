"""The command that says which methods so many pairs and operations allow."""

from __future__ import annotations

import math

import click

from mbdl_repro.cli.commands import Command
from mbdl_repro.cli.options import Known, json_option
from mbdl_repro.cli.shared import as_json, put


@click.command(
    cls=Command,
    examples=(
        "mbdl choose sparse_recovery --pairs 100 --operations 1e6 --model wrong",
        "mbdl choose smoothing --pairs 20",
    ),
    keys="a list of rankings, each with example, condition, experiment, notes, and rows (method, "
    "legend, family, knowledge, n_train, over_bound and over_best in dB with their intervals, "
    "error, metric, unit, operations, n_parameters, with_more: the same dB at n_more pairs)",
)
@click.argument("problem")
@click.option("--pairs", type=click.IntRange(0), required=True, help="Training pairs there are.")
@click.option(
    "--operations",
    type=click.FloatRange(0, min_open=True),
    help="Multiplications and additions that one more estimate may take; any if not given.",
)
@click.option(
    "--model",
    type=Known("model", lambda: ("right", "wrong"), anywhere=True),
    help="Whether what is believed is right or wrong; both if not given.",
)
@json_option
def choose(
    problem: str, pairs: int, operations: float | None, model: str | None, in_json: bool
) -> None:
    """Rank the methods that your pairs and operations allow, by what comparisons measured.

    PROBLEM is a running example, such as tracking, or a problem of the comparisons, such as
    smoothing.
    """
    from mbdl_repro.face import choosing

    most = math.inf if operations is None else operations
    found = choosing.choose(problem, pairs=pairs, operations=most, model=model)  # type: ignore[arg-type]
    if in_json:
        put(as_json([vars(one) | {"rows": one.rows.to_dict("records")} for one in found.rankings]))
    else:
        put(f"{found!r}\n")
