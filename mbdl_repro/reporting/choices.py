"""Which method when, in words: methods that are as good as the best, each with its number."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from mbdl_repro.comparisons.sources import RIGHT
from mbdl_repro.reporting.numbers import anchor

if TYPE_CHECKING:
    import pandas as pd

CHOICE = "6_which_method_when"
"""The comparison whose table is read."""
NAMED = 4
"""Methods that a line names, at most."""
IN_SHORT = 2
"""The same, where there is little room."""
EXPLAINED = (
    "By what is believed of the problem, by how much data there is to learn from, and by what "
    "an estimate may cost: the methods whose error lies within the 95 % interval of the best "
    "one, and of equals first the one of the fewest operations. In brackets stands what each "
    "is over the best, and how many numbers it learns. *A tenth*: at most a tenth of the "
    "operations of the best; where none so cheap is as good, the one that comes nearest. "
    "Settings of all methods are chosen on some hundred pairs more."
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

    @property
    def allowed(self) -> str:
        """Of the operations of the best, how many are allowed."""
        return "any" if self.budget == "any" else "a tenth"


def choices(table: pd.DataFrame) -> Iterator[Choice]:
    """Yield what is to be chosen at each place, in the order of the table.

    Args:
        table: of the comparison :data:`CHOICE`.
    """
    keys = ["example", "condition", "model", "data", "n_train", "budget"]
    for place, rows in table.groupby(keys, sort=False):
        good = rows[rows["as_good"]]
        if not len(good):
            good = rows.nsmallest(1, "over_best")
        seen = good.assign(over_best=good["over_best"].round(1))
        records = seen.sort_values(["over_best", "operations"]).to_dict("records")
        example, condition, model, data, n_train, budget = place
        yield Choice(example, condition, model, data, n_train, budget, tuple(records))


@dataclasses.dataclass(frozen=True)
class Problem:
    """A running example in one state of knowledge, and what is to be chosen there."""

    heading: str
    experiment: str
    choices: tuple[Choice, ...]


def problems(table: pd.DataFrame) -> list[Problem]:
    """Return the problems, each with its choices, in the order of the table.

    Args:
        table: of the comparison :data:`CHOICE`.
    """
    places: dict[tuple[str, str, str], list[Choice]] = {}
    for choice in choices(table):
        experiment = str(choice.best[0]["experiment"])
        places.setdefault((choice.example, choice.condition, experiment), []).append(choice)
    return [
        Problem(_heading(example, condition), experiment, tuple(found))
        for (example, condition, experiment), found in places.items()
    ]


def named(choice: Choice, most: int = NAMED) -> str:
    """Return the methods of a choice, each with decibels over the best of all.

    Args:
        choice: at one place.
        most: methods that are named; of more, how many.
    """
    said = [f"{row['legend']} ({decibels(row['over_best'])})" for row in choice.best[:most]]
    more = len(choice.best) - most
    return "; ".join([*said, *([f"{more} more"] if more > 0 else [])])


def decibels(value: float) -> str:
    """Return how far something is from the best, in dB, in words."""
    return f"+{value:.1f} dB" if value >= 0.05 else "best"


def page(table: pd.DataFrame, gallery: str) -> str:
    """Return a page in Markdown: a table a problem, a line an amount of data and a budget.

    Args:
        table: of the comparison :data:`CHOICE`.
        gallery: address of the page of figures.
    """
    blocks = [
        "# Which method when",
        f"{EXPLAINED} The numbers are those of the common experiment of each running example, in "
        f"[its figure]({gallery}) and in the table of the comparison.",
    ]
    for problem in problems(table):
        blocks.append(f"## {problem.heading}")
        lines = ["| training pairs | operations | methods |", "|---:|---|---|"]
        for choice in problem.choices:
            lines.append(f"| {choice.n_train} | {choice.allowed} | {named(choice)} |")
        link = f"[Experiment and figure]({gallery}#{problem.experiment})"
        blocks += ["\n".join(lines), link]
    return "\n\n".join(blocks)


def in_short(table: pd.DataFrame, address: str) -> str:
    """Return a table of a line a problem: what to choose if the model is right, or wrong.

    Args:
        table: of the comparison :data:`CHOICE`.
        address: of the page that says more.
    """
    found: dict[str, dict[str, str]] = {}
    for choice in choices(table):
        if choice.budget != "any" or choice.data == "some":
            continue
        column = "right" if choice.model == "right" else choice.data
        cells = found.setdefault(choice.example, {})
        if column not in cells:
            cells[column] = named(choice, IN_SHORT)
    lines = [
        "| | what is believed is right | it is wrong, little data | it is wrong, much data |",
        "|---|---|---|---|",
    ]
    for example, cells in found.items():
        row = [cells.get(column, "–") for column in ("right", "little", "much")]
        lines.append(
            f"| [{example}]({address}#{anchor(_heading(example, RIGHT))}) | {' | '.join(row)} |"
        )
    return "\n".join(lines)


def _heading(example: str, condition: str) -> str:
    words = "what is believed is right" if condition == RIGHT else condition
    return f"{example[0].upper()}{example[1:]}: {words}"
