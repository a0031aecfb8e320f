"""Tables as people read them: which rows and columns, and as text, Markdown or LaTeX."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from mbdl_repro.contract.table import distinct
from mbdl_repro.experiments.experiment import Experiment

if TYPE_CHECKING:
    import pandas as pd

LATEX = {
    "±": r"\pm",
    "−": "-",
    "·": r"\cdot",
    "×": r"\times",
    "≈": r"\approx",
    "<": "<",
    ">": ">",
    "∞": r"\infty",
}


def final(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of answers, without those of recorded iterations."""
    return table[table["iteration"].isna()]


def place_columns(experiment: Experiment, table: pd.DataFrame) -> list[str]:
    """Return the columns that tell apart where rows were measured: those that vary.

    Args:
        experiment: says which columns are swept, in training and in testing.
        table: rows of that experiment, with these columns and ``n_train``.
    """
    columns = [*experiment.sweep_columns, *experiment.test_columns]
    varying = [column for column in columns if table[column].nunique() > 1]
    sizes = distinct(n for n in table["n_train"] if n > 0)
    return [*varying, "n_train"] if len(sizes) > 1 else varying


def as_text(
    head: list[str],
    rows: list[list[str]],
    colours: Mapping[str, str] = {},
    *,
    whole_numbers: bool = False,
) -> str:
    """Return a table for the terminal, or 80 columns wide where there is none.

    Args:
        head: names of the columns, or none.
        rows: their cells.
        colours: of first cells, by their content.
        whole_numbers: whether columns of words alone are broken where lines are too long; those of
            numbers have to be narrow then.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD if head else None, show_header=bool(head), pad_edge=False)
    for name, right in zip(head, numeric_columns(head, rows), strict=True):
        side: Literal["left", "right"] = "right" if right else "left"
        whole = right and whole_numbers
        table.add_column(name, justify=side, overflow="fold", no_wrap=whole)
    for first, *others in rows:
        table.add_row(Text(first, style=colours.get(first.strip(), "")), *others)
    # In a notebook, too, it is a text: rich would show something there as well.
    console = Console(markup=False, highlight=False, emoji=False, force_jupyter=False)
    with console.capture() as capture:
        console.print(table)
    return "\n".join(line.rstrip() for line in capture.get().splitlines()) + "\n"


def as_markdown(head: list[str], rows: list[list[str]]) -> str:
    """Return a table as Markdown.

    Args:
        head: names of the columns.
        rows: their cells.
    """
    marks = ["---:" if right else "---" for right in numeric_columns(head, rows)]
    lines = [[cell.replace("|", r"\|") for cell in row] for row in (head, marks, *rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def as_latex(head: list[str], rows: list[list[str]]) -> str:
    """Return a table as LaTeX, for the package booktabs.

    Args:
        head: names of the columns.
        rows: their cells.
    """
    columns = "".join("r" if right else "l" for right in numeric_columns(head, rows))
    lines = [" & ".join(map(_latex, row)) + r" \\" for row in (head, *rows)]
    body = [r"\toprule", lines[0], r"\midrule", *lines[1:], r"\bottomrule"]
    return "\n".join([rf"\begin{{tabular}}{{{columns}}}", *body, r"\end{tabular}", ""])


def numeric_columns(head: list[str], rows: list[list[str]]) -> list[bool]:
    """Return which columns hold numbers, and so are aligned to the right.

    Args:
        head: names of the columns.
        rows: their cells.
    """
    looks = re.compile(r"[\d\s.,()\[\]e+±−·⁻⁰¹²³⁴-⁹–∞-]*|last")
    return [all(looks.fullmatch(row[i]) for row in rows) for i in range(len(head))]


def _latex(text: str) -> str:
    """Escape text for LaTeX; mathematical signs and Greek letters become mathematics."""
    text = re.sub(r"[&%$#_{}]", r"\\\g<0>", text)
    text = re.sub(r"[⁻⁰¹²³⁴-⁹]+", lambda found: f"$^{{{_plain_digits(found[0])}}}$", text)
    return "".join(_latex_sign(sign) for sign in text)


def _latex_sign(sign: str) -> str:
    if sign in LATEX:
        return f"${LATEX[sign]}$"
    name = unicodedata.name(sign, "")
    if name.startswith("GREEK SMALL LETTER"):
        return rf"$\{name.split()[-1].lower().replace('lamda', 'lambda')}$"
    return sign


def _plain_digits(superscripts: str) -> str:
    return unicodedata.normalize("NFKC", superscripts).replace("−", "-")
