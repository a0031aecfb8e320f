"""Numbers within a page's text, read from the tables that results are kept in.

A number stands between two marks, which Markdown does not show::

    <!-- found: 5.06_lista lista squared_error n_train=1000 -->0.0061 ± 0.0002<!-- end -->

They name the experiment, the label of a method or bound, the metric, and the place. No line begins
with one: there, it would begin a paragraph.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from mbdl_repro.errors import UserError
from mbdl_repro.experiments.reading import load_scale
from mbdl_repro.reporting import numbers, tables
from mbdl_repro.store.paths import Store
from mbdl_repro.store.records import read_table

if TYPE_CHECKING:
    import pandas as pd

MARKED = re.compile(r"(<!-- found: ([^>]+?) -->).*?(<!-- end -->)", re.S)


def filled(text: str) -> str:
    """Return a text with its marked numbers as tables have them now.

    Args:
        text: in Markdown.

    Raises:
        UserError: a mark names no row of a table, or several.
    """
    return MARKED.sub(lambda found: f"{found[1]}{number(found[2])}{found[3]}", text)


def number(mark: str) -> str:
    """Return the number that a mark names, with half the width of its interval.

    Args:
        mark: experiment, label, metric, and ``column=value`` for each that tells places apart.

    Raises:
        UserError: it names no row of the experiment's table, or several.
    """
    experiment, label, metric, *place = mark.split()
    rows = _answers(experiment)
    rows = rows[(rows["method"] == label) & (rows["metric"] == metric)]
    for column, _, value in (part.partition("=") for part in place):
        rows = rows[rows[column].map(numbers.plain) == value]
    if len(rows) != 1:
        raise UserError(
            f"the mark {mark!r} names {len(rows)} rows of the table of {experiment}: "
            "one label, one metric, and a value of each column that varies"
        )
    (row,) = rows.to_dict("records")
    return numbers.number(row["mean"], row["ci_high"] - row["mean"])


@cache
def _answers(experiment: str) -> pd.DataFrame:
    """Return the rows of answers of an experiment's table."""
    return tables.final(read_table(Store.of(load_scale("full")).table(experiment)))
