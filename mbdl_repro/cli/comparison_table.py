"""Tables of comparisons as people read them: in blocks, with the columns that tell rows apart."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mbdl_repro.cli.shared import deliver, write

if TYPE_CHECKING:
    import pandas as pd

HEADINGS = ("example", "condition", "question", "quantity", "departure", "n_train", "budget")
"""Columns whose values head a block of text, where others tell the rows of a block apart."""
SAID_BY = {
    "model": "condition",
    "data": "n_train",
    "experiment": "example",
    "area": "method",
    "family": "method",
    "knowledge": "method",
    "legend": "method",
    "smallest": "example",
    "largest": "example",
}
"""Columns that another one, if it is there, says already."""
WORDS = {"n_parameters": "numbers learned", "train_seconds": "seconds to train"}
"""What columns are called in text."""
MOST = 8
"""Columns of a text; of more, errors over the bound are left out: those over the baseline stay."""
LEFT_OUT = re.compile("_(low|high)$|^front_|^n_seeds$")
"""Ends of intervals, which stand in the cells of their values, and what figures are drawn from."""


def deliver_comparison(frame: pd.DataFrame, form: str, output: Path | None) -> None:
    """Print a comparison's table in the format asked for, or write it to a file.

    Args:
        frame: the table.
        form: one of ``FORMATS``, or json; CSV and JSON have all columns, with all digits.
        output: the file, or ``None`` to print.
    """
    columns = _told(frame)
    if form == "text" and len(columns) > MOST:
        columns = [name for name in columns if name != "over_bound"]
    if form != "text":
        deliver(frame, columns, _lines(frame, columns), form, output)
        return
    from mbdl_repro.reporting import docstrings

    headings = _headings(frame, columns)
    rest = [name for name in columns if name not in headings]
    blocks = []
    for place, rows in frame.groupby(headings, sort=False) if headings else [((), frame)]:
        heading = ", ".join(_words(*one) for one in zip(headings, place, strict=True))
        blocks.append(f"{heading}\n{_text(rows, rest)}".lstrip("\n"))
    left = [str(name) for name in frame if name not in columns]
    if left:
        left_out = f"Left out here: {', '.join(left)}; --format csv has all columns."
        blocks.append(docstrings.wrapped(left_out))
    write("\n\n".join(blocks) + "\n", output)


def _text(rows: pd.DataFrame, columns: list[str]) -> str:
    """Return a block; the names of columns of numbers are broken, the numbers are not."""
    from mbdl_repro.reporting import tables

    lines = _lines(rows, columns)
    heads = [WORDS.get(name, name).replace("_", " ") for name in columns]
    numeric = tables.numeric_columns(columns, lines)
    heads = [one.replace(" ", "\n") if n else one for one, n in zip(heads, numeric, strict=True)]
    return tables.as_text(heads, lines, whole_numbers=True).rstrip()


def _told(frame: pd.DataFrame) -> list[str]:
    """Return the columns that say what no other one does."""
    found = [str(name) for name in frame if not LEFT_OUT.search(str(name))]
    return [name for name in found if not _is_said(frame, name, SAID_BY.get(name, ""))]


def _is_said(frame: pd.DataFrame, name: str, by: str) -> bool:
    if by not in frame:
        return False
    on = list(dict.fromkeys([*(key for key in ("example", "departure") if key in frame), by]))
    return name not in on and frame.groupby(on, dropna=False)[name].nunique().max() <= 1


def _headings(frame: pd.DataFrame, columns: list[str]) -> list[str]:
    """Return the columns that head blocks: as many as leave a block several rows."""
    found: list[str] = []
    for name in HEADINGS:
        if name == "n_train" and 0 in set(frame.get(name, ())):
            continue  # what is fitted stands beside what is not
        if name in columns and frame.groupby([*found, name]).size().median() > 2:
            found.append(name)
    return found


def _words(name: str, value: Any) -> str:
    return f"{name} {value}" if name in ("n_train", "budget") else str(value)


def _lines(rows: pd.DataFrame, columns: list[str]) -> list[list[str]]:
    return [[_cell(row, name) for name in columns] for row in rows.to_dict("records")]


def _cell(row: dict[str, Any], name: str) -> str:
    """Return a value as text, with its interval as in tables of experiments."""
    from mbdl_repro.reporting import numbers

    value = row[name]
    if isinstance(value, bool):
        return "yes" if value else ""
    if isinstance(value, str) or value != value:
        return "" if value != value else value
    if f"{name}_low" in row:
        return numbers.with_interval(value, row[f"{name}_low"], row[f"{name}_high"])
    if name == "n_train":
        return str(value) if value else ""
    return numbers.count(value) if float(value).is_integer() else numbers.number(value)
