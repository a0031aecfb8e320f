"""The command that says whether claims hold."""

from __future__ import annotations

import re
import shutil
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mbdl_repro.cli.commands import Command
from mbdl_repro.cli.options import (
    EITHER,
    Known,
    experiments_and_comparisons,
    output_options,
    scale_option,
)
from mbdl_repro.cli.shared import as_json, bold, deliver, write
from mbdl_repro.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

    from mbdl_repro.store.paths import Store

MARGIN = 13
"""Columns in which a verdict stands before what it is about."""

COLOURS = {
    "surpassed": "bright_green",
    "holds": "green",
    "fails": "red",
    "undecided": "yellow",
    "not run": "bright_black",
}


SOURCES = ("book", "ours", "others")
"""Whose a claim or a published number is."""


@click.command(
    cls=Command,
    examples=(
        "mbdl verdicts 5.06_lista",
        "mbdl verdicts --verdict fails --source book",
        "mbdl verdicts --json",
    ),
    keys="a list of claims: experiment, kind (claim or published), claim, source, metric, left, "
    "relation, right, left_value, right_value, effect_is, effect, ci_low, ci_high, tolerance, "
    "n_seeds, verdict, p, q (in all together), written, remark",
)
@click.argument("name", type=EITHER, required=False)
@click.option("--verdict", type=Known("verdict", lambda: COLOURS), help="Only those of this kind.")
@click.option(
    "--source",
    type=Known("source", lambda: SOURCES),
    help="Only those of the book, of this package (ours), or of other publications (others).",
)
@output_options
@scale_option
def verdicts(
    name: str | None,
    verdict: str | None,
    source: str | None,
    form: str,
    in_json: bool,
    output: Path | None,
    scale_name: str,
) -> None:
    """Show whether the book's claims hold, and its published numbers are met."""
    from mbdl_repro.experiments import reading
    from mbdl_repro.store.paths import Store

    frame = _verdicts_of(name, Store.of(reading.load_scale(scale_name)), scale_name)
    if verdict:
        frame = frame[frame["verdict"] == verdict]
    if source:
        frame = frame[frame["source"].map(_kind_of_source) == source]
    records = frame.to_dict("records")
    if in_json:
        write(as_json(records), output)
        return
    lines = [_verdict_line(row) for row in records]
    if form == "text":
        write(_verdicts_as_text(lines), output)
    else:
        head = ["experiment", "verdict", "claim", "source", "comparison", "found", "remark"]
        deliver(frame, head, lines, form, output)


def _verdicts_of(name: str | None, store: Store, scale_name: str) -> pd.DataFrame:
    """Read the verdicts of one experiment or comparison, or of all that have some."""
    import pandas as pd

    from mbdl_repro.reporting.made import stop_unless_made
    from mbdl_repro.store.records import read_table

    if name:
        stop_unless_made(store.verdicts(name), name, scale_name)
    names = [name] if name else experiments_and_comparisons()
    paths = [store.verdicts(one) for one in names]
    # One that is asked for and has none is an error; of all, those that have none are left out.
    paths = [path for path in paths if name or path.is_file()]
    if not paths:
        raise UserError(f"no verdicts in {store.verdicts('-').parent}: `mbdl run` makes them")
    if not name and _are_gathered(paths, store.verdicts()):
        return read_table(store.verdicts())
    frames = [read_table(path) for path in paths]
    found = [frame for frame in frames if "claim" in frame]
    return pd.concat(found, ignore_index=True) if found else frames[0]


def _are_gathered(paths: list[Path], together: Path) -> bool:
    """Return whether one table was made of these as they are: it is sooner read than they."""
    from mbdl_repro.contract.hashing import digest
    from mbdl_repro.store.records import read_record

    inputs = (read_record(together) or {}).get("inputs", {})
    made_of = {path: known for path, known in inputs.items() if "/verdicts/" in path}
    return made_of == {path.as_posix(): digest(path.read_bytes()) for path in paths}


def _verdicts_as_text(lines: list[list[str]]) -> str:
    """Return the verdicts of each experiment under its name, and how many there are of each."""
    width = shutil.get_terminal_size().columns - MARGIN
    text: list[str] = []
    before = None
    for where, verdict, claim, source, comparison, found, remark in lines:
        text += [] if where == before else [*([""] if text else []), bold(where)]
        before = where
        said = [claim, f"{comparison}{found and f', {found}'} ({source})", remark]
        folded = [part for one in said if one for part in textwrap.wrap(one, width)]
        margins = [click.style(f"  {verdict:{MARGIN - 2}}", fg=COLOURS[verdict])]
        margins += [" " * MARGIN] * (len(folded) - 1)
        text += [margin + part for margin, part in zip(margins, folded, strict=True)]
    counts = [f"{verdict}: {sum(line[1] == verdict for line in lines)}" for verdict in COLOURS]
    return "\n".join([*text, "", ", ".join(counts) + "\n"])


def _verdict_line(row: dict[str, Any]) -> list[str]:
    """Return a verdict as its experiment, itself, claim, source, comparison, effect and remark."""
    from mbdl_repro.reporting import numbers
    from mbdl_repro.statistics.relations import SIGNS

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
    remark = row["remark"] if isinstance(row["remark"], str) else ""
    said = [row["experiment"], row["verdict"], row["claim"], row["source"]]
    return [*said, comparison, found, remark]


def _kind_of_source(source: str) -> str:
    """Return whose a claim is: one of :data:`SOURCES`."""
    if source == "ours":
        return "ours"
    return "book" if re.match("Section|Example|Figure|Chapter", source) else "others"
