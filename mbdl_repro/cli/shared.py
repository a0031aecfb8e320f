"""What commands have in common: what there is, and how they print."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    import pandas as pd

    from mbdl_repro.catalogue import FunctionInfo, MethodInfo
    from mbdl_repro.store.paths import Store


def infos_of(area: str) -> dict[str, MethodInfo | FunctionInfo]:
    """Return what the catalogue knows of an area's methods, metrics and bounds, by name."""
    from mbdl_repro import catalogue

    return {**catalogue.methods(area), **catalogue.metrics(area), **catalogue.bounds(area)}


def state_of(store: Store, name: str, table: Path) -> str:
    """Say in a word whether an experiment's or a comparison's results are there, and whole.

    Args:
        store: where they lie.
        name: of the experiment or comparison.
        table: its table.
    """
    from mbdl_repro.store.records import damage

    files = (table, store.verdicts(name), store.figure(name))
    there = [path for path in files if path.is_file()]
    if any(damage(path) for path in there):
        return "damaged"
    return "not made" if not there else "made" if len(there) == len(files) else "partly made"


def deliver(
    frame: pd.DataFrame, head: list[str], rows: list[list[str]], form: str, output: Path | None
) -> None:
    """Print a table in the format asked for, or write it to a file.

    Args:
        frame: the table with its exact values, for CSV and JSON.
        head: names of the columns, as people read them.
        rows: cells of the table, as people read them; each row as long as ``head``.
        form: one of ``FORMATS``, or json.
        output: the file, or ``None`` to print.
    """
    from mbdl_repro.reporting import tables
    from mbdl_repro.store.files import table_to_bytes

    if form == "csv":
        text = table_to_bytes(frame).decode()
    elif form == "json":
        text = as_json(frame.to_dict("records"))
    elif form == "markdown":
        text = tables.as_markdown(head, rows)
    elif form == "latex":
        text = tables.as_latex(head, rows)
    else:
        text = tables.as_text(head, rows)
    write(text, output)


def as_json(data: Any) -> str:
    """Return plain data, and what is nearly plain, as JSON; numbers that are none are null."""
    return json.dumps(_plain(data), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _plain(data: Any) -> Any:
    if isinstance(data, dict):
        return {str(key): _plain(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_plain(value) for value in data]
    if dataclasses.is_dataclass(data) and not isinstance(data, type):
        return _plain(vars(data))
    if hasattr(data, "item"):  # a number or text of NumPy's
        return _plain(data.item())
    if isinstance(data, float) and not math.isfinite(data):
        return None
    return data if isinstance(data, str | int | float | None) else str(data)


def write(text: str, output: Path | None) -> None:
    """Print a text, or write it to a file without its colours.

    Args:
        text: with its last line ended.
        output: the file, or ``None`` to print.
    """
    if output is None:
        put(text)
    else:
        write_files({output: click.unstyle(text)})


def write_files(files: dict[Path, str | bytes]) -> None:
    """Write files, all of them before the first is told of."""
    from mbdl_repro.store.files import write_bytes

    for path, content in files.items():
        write_bytes(path, content.encode() if isinstance(content, str) else content)
    for path in files:
        click.echo(f"wrote {path}", err=True)


def bold(text: str) -> str:
    """Return a text in bold letters, for the terminal."""
    return click.style(text, bold=True)


def put(text: str) -> None:
    """Print a text that ends its own last line."""
    click.echo(text, nl=False)
