"""Numbers, tables and docstrings as people read them: for the report and the command line."""

from __future__ import annotations

import dataclasses
import math
import re
import shutil
import textwrap
import types
import typing
import unicodedata
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mbdl_repro.contract.hashing import canonical
from mbdl_repro.contract.table import distinct
from mbdl_repro.experiments.experiment import Experiment, MethodEntry

if TYPE_CHECKING:
    import pandas as pd

SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
QUOTED = re.compile(r"(?::\w+:)?(`{1,2})~?(.+?)\1")
"""What stands between back-quotes in a docstring, perhaps with its role before them."""
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


def number(value: float, half_width: float = 0.0) -> str:
    """Return a value and its interval, as ``0.490 ± 0.012``, with two digits of the half-width.

    A value without an interval, or an exact one, is given to four significant digits.
    """
    largest = max(abs(value), abs(half_width) if math.isfinite(half_width) else 0.0)
    scaled, power = _scaled([value, half_width], largest)
    if not math.isfinite(half_width) or half_width == 0 or not math.isfinite(value):
        digits = ".0f" if value == 0 or abs(scaled[0]) >= 1000 else "#.4g"
        return _signed(f"{scaled[0]:{digits}}") + power
    decimals = _decimals(scaled[1])
    text = f"{scaled[0]:.{decimals}f} ± {scaled[1]:.{decimals}f}"
    return _signed(f"({text})" if power else text) + power


def difference(value: float, low: float, high: float) -> str:
    """Return a difference and its interval, as ``-0.98 [-1.18, -0.78]``."""
    if not math.isfinite(high - low):
        return number(value)
    scaled, power = _scaled([value, low, high], max(abs(v) for v in (value, low, high)))
    decimals = _decimals((scaled[2] - scaled[1]) / 2) if high > low else 4
    mean, *ends = (_signed(f"{v:.{decimals}f}") for v in scaled)
    text = f"{mean} [{', '.join(ends)}]"
    return f"({text}){power}" if power else text


def _scaled(values: list[float], largest: float) -> tuple[list[float], str]:
    """Divide very small or large values by a common power of ten, which is named."""
    if not math.isfinite(largest) or largest == 0 or 1e-3 <= largest < 1e5:
        return values, ""
    exponent = math.floor(math.log10(largest))
    return [v / 10.0**exponent for v in values], f"·10{str(exponent).translate(SUPERSCRIPTS)}"


def _decimals(half_width: float) -> int:
    """Return the decimals that show two significant digits of a half-width."""
    return max(0, 1 - math.floor(math.log10(half_width)))


def _signed(text: str) -> str:
    return text.replace("-", "−").replace("nan", "–").replace("inf", "∞")


def plain(value: Any) -> str:
    """Return a setting or a point's value as text."""
    if value is None:
        return "null"
    return f"{value:g}" if isinstance(value, float) else str(value)


def settings(entry: MethodEntry) -> dict[str, str]:
    """Return a method's settings where they are not as by default, those tuned included."""
    given = {
        name: plain(value)
        for name, value in entry.settings.items()
        if value != entry.info.settings[name].default
    }
    if entry.depths:
        given["iterations"] = f"{', '.join(map(plain, entry.depths))} (a fit for each)"
    return given | {name: f"one of {', '.join(map(plain, v))}" for name, v in entry.tune.items()}


def chosen(values: list[Any], counts: Mapping[str, int]) -> str:
    """Return which of the values fits chose, how often, and how often the least or the greatest.

    A baseline is well tuned where its best setting lies inside of what was tried.

    Args:
        values: those that were tried.
        counts: how many fits chose each, by its canonical text.
    """
    times = [(value, counts.get(canonical(value), 0)) for value in values]
    text = ", ".join(f"{plain(value)} ({n})" for value, n in times if n)
    numbers = [value for value in values if isinstance(value, int | float)]
    ends = (min(numbers), max(numbers)) if numbers else ()
    at_an_end = sum(n for value, n in times if value in ends)
    return f"{text}; {at_an_end} of {sum(counts.values())} at an end" if at_an_end else text


def seconds(value: float) -> str:
    """Return a duration to two digits."""
    for unit, size in (("h", 3600), ("min", 60)):
        if value >= 2 * size:
            return (
                f"{value / size:.2g} {unit}" if value < 100 * size else f"{value / size:.0f} {unit}"
            )
    return f"{value:.2g} s" if value < 100 else f"{value:.0f} s"


def final(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of answers, without those of recorded iterations."""
    return table[table["iteration"].isna()]


def place_columns(experiment: Experiment, table: pd.DataFrame) -> list[str]:
    """Return the columns that tell apart where rows were measured: those that vary."""
    columns = [*experiment.sweep_columns, *experiment.test_columns]
    varying = [column for column in columns if table[column].nunique() > 1]
    sizes = distinct(n for n in table["n_train"] if n > 0)
    return [*varying, "n_train"] if len(sizes) > 1 else varying


def first_sentence(doc: str) -> str:
    """Return the first paragraph's first sentence, on one line."""
    paragraph = " ".join(doc.split("\n\n")[0].split())
    return re.split(r"(?<=[.:]) (?=[A-Z])", paragraph)[0].rstrip(".:")


def paragraphs(doc: str) -> list[str]:
    """Return a docstring's paragraphs, without its lists of arguments and the like."""
    apart = re.compile(r"(Args|Returns|Raises|Source):")
    return [paragraph for paragraph in doc.split("\n\n") if not apart.match(paragraph)]


def source(doc: str) -> str:
    """Return where a docstring says that its content comes from."""
    found = re.search(r"^Source: (.+?)(?:\n\n|\Z)", doc, re.M | re.S)
    return " ".join(found[1].split()) if found else ""


def arguments(doc: str) -> dict[str, str]:
    """Return what a docstring says of each argument."""
    found = re.search(r"^Args:\n((?:[ ]+.*\n?)+)", doc, re.M)
    lines = textwrap.dedent(found[1]).splitlines() if found else []
    meanings: dict[str, str] = {}
    name = ""
    for line in lines:
        if match := re.match(r"(\w+): (.*)", line):
            name, meanings[match[1]] = match[1], match[2]
        elif name:
            meanings[name] += " " + line.strip()
    return meanings


def wrapped(text: str, indent: str = "") -> str:
    """Return prose, refilled, or an equation, as typed, to fit the terminal or 80 columns."""
    width = min(shutil.get_terminal_size().columns, 100)
    if is_equation(text):
        lines = text.splitlines()
        if max(map(len, lines)) + 4 > width:
            lines = [part for line in lines for part in re.split(r"(?<=\S)  +", line)]
        return textwrap.indent("\n".join(lines), "    ")
    unquoted = QUOTED.sub(r"\2", text)
    return textwrap.fill(unquoted, width, initial_indent=indent, subsequent_indent=2 * indent)


def is_equation(paragraph: str) -> bool:
    """Return whether a paragraph is a formula, to be shown as it is typed, and not prose."""
    if not re.search(r"[=≈≤≥<>∝←∈~]", paragraph):
        return False
    words = re.findall(r"\b[A-Za-z][a-z]{2,}\b", paragraph)
    return len(words) < len(paragraph.split()) / 4 or not paragraph.rstrip().endswith((".", ":"))


def kind(annotation: Any) -> str:
    """Return a setting's type in words, as experiment files mean it."""
    origin, parts = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return " ".join([kind(parts[0]), *(limit(mark) for mark in parts[1:])])
    if origin is typing.Literal:
        return " or ".join(map(str, parts))
    if origin in (typing.Union, types.UnionType):
        return " or ".join(kind(part) for part in parts)
    if origin in (tuple, list):
        return f"list of {kind(parts[0])}"
    return "null" if annotation is types.NoneType else str((origin or annotation).__name__)


def limit(mark: Any) -> str:
    """Return what a mark of :mod:`annotated_types` asks for."""
    signs = {"gt": ">", "ge": "≥", "lt": "<", "le": "≤", "min_length": "length ≥"}
    return " ".join(
        f"{signs.get(key, key.replace('_', ' '))} {value}"
        for key, value in dataclasses.asdict(mark).items()
        if value is not None
    )


def as_text(head: list[str], rows: list[list[str]], colours: Mapping[str, str] = {}) -> str:
    """Return a table for the terminal, or 80 columns wide where there is none.

    Args:
        head: names of the columns, or none.
        rows: their cells.
        colours: of first cells, by their content.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD if head else None, show_header=bool(head), pad_edge=False)
    for name, right in zip(head, numeric_columns(head, rows), strict=True):
        table.add_column(name, justify="right" if right else "left", overflow="fold")
    for first, *others in rows:
        table.add_row(Text(first, style=colours.get(first.strip(), "")), *others)
    console = Console(markup=False, highlight=False, emoji=False)
    with console.capture() as capture:
        console.print(table)
    return "\n".join(line.rstrip() for line in capture.get().splitlines()) + "\n"


def as_markdown(head: list[str], rows: list[list[str]]) -> str:
    """Return a table as Markdown."""
    marks = ["---:" if right else "---" for right in numeric_columns(head, rows)]
    lines = [[cell.replace("|", r"\|") for cell in row] for row in (head, marks, *rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def as_latex(head: list[str], rows: list[list[str]]) -> str:
    """Return a table as LaTeX, for the package booktabs."""
    columns = "".join("r" if right else "l" for right in numeric_columns(head, rows))
    lines = [" & ".join(map(_latex, row)) + r" \\" for row in (head, *rows)]
    body = [r"\toprule", lines[0], r"\midrule", *lines[1:], r"\bottomrule"]
    return "\n".join([rf"\begin{{tabular}}{{{columns}}}", *body, r"\end{tabular}", ""])


def numeric_columns(head: list[str], rows: list[list[str]]) -> list[bool]:
    """Return which columns hold numbers, and so are aligned to the right."""
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
