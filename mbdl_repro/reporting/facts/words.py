"""Titles, places in the book, and docstrings in parts."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable
from typing import Any

from mbdl_repro.contract.table import distinct
from mbdl_repro.experiments.schema import Book
from mbdl_repro.reporting import docstrings, numbers

TITLES = {
    "distributed": "distributed optimization",
    "doa": "direction of arrival",
    "low_rank_sparse": "low rank plus sparse",
}
"""What running examples are called whose names do not say it."""
COMPARISONS = "comparisons"
"""What stands for an area where several are compared."""


@dataclasses.dataclass(frozen=True)
class Paragraph:
    """One of a docstring."""

    text: str
    """Of prose, what stands between back-quotes is code."""
    equation: bool
    """Whether it is to be shown as it is typed."""


def paragraphs(doc: str) -> tuple[Paragraph, ...]:
    """Return a docstring's paragraphs, without its lists of arguments and the like."""
    return tuple(Paragraph(t, docstrings.is_equation(t)) for t in docstrings.paragraphs(doc))


def area_title(area: str) -> str:
    """Return what a running example, or :data:`COMPARISONS`, is called, as a heading."""
    words = TITLES.get(area, area.replace("_", " "))
    return words[0].upper() + words[1:]


def place_in(book: Book) -> str:
    """Return where in the monograph something stands: its example, or else its section."""
    return f"Example {book.example}" if book.example else f"Section {book.section}"


def order_in(book: Book) -> tuple[Any, ...]:
    """Return what sorts into the book's order: by section, then by example, those without last."""
    parts = [
        tuple(map(int, re.findall(r"\d+", text or ""))) for text in (book.section, book.example)
    ]
    return parts[0], not book.example, parts[1]


def listed(fields: dict[str, Any], null: str = "null") -> str:
    """Return fields with their values, on one line.

    Args:
        fields: by name.
        null: what is written for ``None``.
    """
    return ", ".join(
        f"{key} {null if value is None else numbers.plain(value)}" for key, value in fields.items()
    )


def span(values: Iterable[Any]) -> str:
    """Return a few values in full, and many as the first, the last, and how many they are."""
    values = distinct(values)
    if not any(isinstance(value, str | None) for value in values):
        values = sorted(values)
    shown = [numbers.plain(value) for value in values]
    if len(shown) <= 4:
        return " / ".join(shown)
    return f"{shown[0]} … {shown[-1]} ({len(shown)} values)"
