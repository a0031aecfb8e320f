"""Which method when, in words: methods that are as good as the best, each with its number."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from mbdl_repro.comparisons.sources import RIGHT
from mbdl_repro.reporting import numbers
from mbdl_repro.reporting.markdown import escaped
from mbdl_repro.reporting.numbers import anchor
from mbdl_repro.reporting.problems import Problems

if TYPE_CHECKING:
    import pandas as pd

CHOICE = "6_which_method_when"
"""The comparison whose table is read."""
NAMED = 4
"""Methods that a page names at a place, at most."""
HEAD = ("training pairs", "operations allowed", "method", "error", "over the best", "operations")
IN_SHORT = 2
"""The same, where there is little room."""
EXPLAINED = (
    "By what is believed of the problem, by how much data there is to learn from, and by what "
    "an estimate may cost: the methods whose error lies within the 95 % interval of the best "
    "one, and of equals first the one of the fewest operations. Each has its error, what that is "
    "over the best, and the multiplications and additions of one more estimate; in brackets "
    "stands how many numbers it learns. Where operations are limited, it is to a tenth of those "
    "of the best; where none so cheap is as good, the one that comes nearest is named. "
    "Settings of all methods are chosen on some hundred pairs more. For other numbers of pairs and "
    "operations, mbdl choose ranks all methods, as in "
    "mbdl choose tracking --pairs 100 --operations 1e6 --model wrong."
)


@dataclasses.dataclass(frozen=True)
class Choice:
    """What is to be chosen at one place."""

    example: str
    condition: str
    model: str
    data: str
    n_train: int
    budget: str
    best: tuple[dict[str, Any], ...]
    """Rows of the table: those as good as the best, to a tenth of a decibel, and among equals the
    fewest operations first; or, where a small budget allows none of them, the one that comes
    nearest."""
    most: float
    """Operations that are allowed; infinity: any number."""

    @property
    def allowed(self) -> str:
        """How many operations are allowed, in words."""
        return f"at most {numbers.count(self.most)}" if math.isfinite(self.most) else "any"

    @property
    def named(self) -> tuple[dict[str, Any], ...]:
        """Those that are shown where there is room."""
        return self.best[:NAMED]

    @property
    def n_more(self) -> int:
        """How many more are as good."""
        return len(self.best) - len(self.named)


def choices(table: pd.DataFrame, small: float) -> Iterator[Choice]:
    """Yield what is to be chosen at each place, in the order of the table.

    Args:
        table: of the comparison :data:`CHOICE`.
        small: the share of the best one's operations that a small budget allows.
    """
    keys = ["example", "condition", "model", "data", "n_train", "budget"]
    whole = table[table["budget"] == "any"].sort_values("over_best")
    of_best = whole.drop_duplicates(keys[:-1]).set_index(keys[:-1])["operations"]
    for place, rows in table.groupby(keys, sort=False):
        good = rows[rows["as_good"]]
        if not len(good):
            good = rows.nsmallest(1, "over_best")
        seen = good.assign(over_best=good["over_best"].round(1))
        records = seen.sort_values(["over_best", "operations"]).to_dict("records")
        example, condition, model, data, n_train, budget = place
        most = math.inf if budget == "any" else small * of_best[place[:-1]]
        best = tuple(records)
        yield Choice(example, condition, model, data, n_train, budget, best, most)


@dataclasses.dataclass(frozen=True)
class Problem:
    """A running example in one state of knowledge, and what is to be chosen there."""

    example: str
    condition: str
    experiment: str
    choices: tuple[Choice, ...]

    @property
    def heading(self) -> str:
        """What it is called."""
        return _heading(self.example, self.condition)


def problems(table: pd.DataFrame, small: float) -> list[Problem]:
    """Return the problems, each with its choices, in the order of the table.

    Args:
        table: of the comparison :data:`CHOICE`.
        small: the share of the best one's operations that a small budget allows.
    """
    places: dict[tuple[str, str, str], list[Choice]] = {}
    for choice in choices(table, small):
        experiment = str(choice.best[0]["experiment"])
        places.setdefault((choice.example, choice.condition, experiment), []).append(choice)
    return [Problem(*place, tuple(found)) for place, found in places.items()]


def in_words(choice: Choice) -> str:
    """Return the first methods of a choice, each with decibels over the best of all.

    Args:
        choice: at one place.
    """
    said = [f"{row['legend']} ({decibels(row['over_best'])})" for row in choice.best[:IN_SHORT]]
    more = len(choice.best) - IN_SHORT
    return "; ".join([*said, *([f"{more} more"] if more > 0 else [])])


def decibels(value: float) -> str:
    """Return how far something is from the best, in dB, in words."""
    return f"+{value:.1f} dB" if value >= 0.05 else "best"


def page(table: pd.DataFrame, small: float, measured: Problems, gallery: str) -> str:
    """Return a page in Markdown: a table a problem, a line an amount of data, budget and method.

    Args:
        table: of the comparison :data:`CHOICE`.
        small: the share of the best one's operations that a small budget allows.
        measured: errors in their metric's unit, and how wrong what is believed is.
        gallery: address of the page of figures.
    """
    blocks = [
        "# Which method when",
        f"{EXPLAINED} The numbers are those of the common experiment of each running example, in "
        f"[its figure]({gallery}) and in the table of the comparison.",
    ]
    for problem in problems(table, small):
        place = problem.example, problem.condition
        blocks.append(f"## {problem.heading}")
        blocks += [f"How wrong: {escaped(words)}" for words in measured.wrong(*place)]
        lines = [f"| {' | '.join(HEAD)} |".replace("error", escaped(measured.metric(*place)[0]))]
        lines.append("|---:|---|---|---:|---:|---:|")
        for choice in problem.choices:
            lines += [f"| {' | '.join(row)} |" for row in _rows(choice, measured)]
        link = f"[Experiment and figure]({gallery}#{anchor(problem.experiment)})"
        blocks += ["\n".join(lines), link]
    return "\n\n".join(blocks)


def _rows(choice: Choice, measured: Problems) -> Iterator[tuple[str, ...]]:
    """Yield the cells of a choice, a row a method; the first says what is to be chosen from."""
    first = (f"{choice.n_train}", choice.allowed)
    for row in choice.named:
        error = measured.error_in_words(
            choice.example, choice.condition, row["method"], choice.n_train
        )
        over, operations = decibels(row["over_best"]), numbers.count(row["operations"])
        yield (*first, row["legend"], error, over, operations)
        first = ("", "")
    if choice.n_more:
        yield (*first, f"{choice.n_more} more", "", "", "")


def in_short(table: pd.DataFrame, small: float, address: str) -> str:
    """Return a table of a line a problem: what to choose if the model is right, or wrong.

    Args:
        table: of the comparison :data:`CHOICE`.
        small: the share of the best one's operations that a small budget allows.
        address: of the page that says more.
    """
    found: dict[str, dict[str, str]] = {}
    first: dict[str, str] = {}
    for choice in choices(table, small):
        if choice.budget != "any" or choice.data == "some":
            continue
        column = "right" if choice.model == "right" else choice.data
        cells = found.setdefault(choice.example, {})
        first.setdefault(choice.example, anchor(_heading(choice.example, choice.condition)))
        if column not in cells:
            cells[column] = in_words(choice)
    lines = [
        "| | what is believed is right | it is wrong, little data | it is wrong, much data |",
        "|---|---|---|---|",
    ]
    for example, cells in found.items():
        row = [cells.get(column, "–") for column in ("right", "little", "much")]
        lines.append(f"| [{example}]({address}#{first[example]}) | {' | '.join(row)} |")
    return "\n".join(lines)


def _heading(example: str, condition: str) -> str:
    words = "what is believed is right" if condition == RIGHT else condition
    return f"{example[0].upper()}{example[1:]}: {words}"
