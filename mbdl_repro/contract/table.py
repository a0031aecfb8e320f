"""The long table's words: what a place in it is, and what is kept of the rows' values."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable
from typing import Any

Point = dict[str, Any]
"""Values of swept fields, by the fields' names."""

QUANTILES = {"median": 0.5, "percentile_90": 0.9}
"""What may be reported of the rows' values besides their mean."""

N_EXAMPLES = 3
"""Test signals of the first seed whose estimates are kept for illustrations."""


@dataclasses.dataclass(frozen=True)
class Place:
    """A place in the table that a claim speaks of, or a published number.

    Attributes:
        method: label of a method, or name of a bound.
        at: values of the table's columns.
        iteration: a recorded number of iterations; ``None``: the answer.
        metric: name of what is measured.
    """

    method: str
    at: Point
    iteration: int | None
    metric: str


def same(a: object, b: object) -> bool:
    """Return whether two values of a sweep are the same but for rounding in their text.

    Args:
        a: a value: a number, a text, a truth value, or a list.
        b: another one.
    """
    if isinstance(a, int | float) and isinstance(b, int | float):
        return math.isclose(a, b, rel_tol=1e-9)
    return a == b


def distinct(values: Iterable[Any]) -> list[Any]:
    """Return the values in order, each once (they need not be hashable)."""
    found: list[Any] = []
    for value in values:
        if value not in found:
            found.append(value)
    return found
