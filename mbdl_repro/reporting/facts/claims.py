"""A claim, or a published number, with all that is to be said of how it fared."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from mbdl_repro.reporting import numbers

VERDICTS = ("holds", "surpassed", "fails", "undecided", "not run")
"""In the order in which they are counted."""
HELD = ("holds", "surpassed")
"""Verdicts on what is as it was claimed, or better."""
SIDE = re.compile(r"(?P<factor>\S+ × )?(?P<words>.+?)(?P<offset> [+−] ?[\d.].*)?")
"""A side of a claim, as tables of verdicts spell it."""
ROW = re.compile(r"(?P<label>\S+)(?: \((?P<place>.*)\))?")


@dataclasses.dataclass(frozen=True)
class Side:
    """One side of a claim, ``2 × LISTA (n_train 5) 0.1 + 3 dB``, in parts."""

    name: str
    """What figures call the row; of a comparison, and where curves cross, the side in words."""
    value: str
    """What was found; empty where that is what the name says, or nothing was found."""
    label: str | None = None
    """The row's label in the experiment."""
    colour: str | None = None
    factor: str = ""
    place: str = ""
    offset: str = ""

    def __str__(self) -> str:
        """Return it in a line."""
        place = f" ({self.place})" if self.place else ""
        found = f" [{self.value}]" if self.value else ""
        offset = f" {self.offset}" if self.offset else ""
        return f"{self.factor}{self.name}{place}{found}{offset}"


@dataclasses.dataclass(frozen=True)
class Claim:
    """A claim and how it fared."""

    of: str
    """The experiment or comparison that it stands in, ..."""
    number: int
    """... and which of it, counted from 1."""
    title: str
    """Of that experiment or comparison."""
    area: str
    section: str
    """Of the monograph."""
    kind: str
    """``claim`` or ``published``."""
    says: str
    """A sentence that can stand alone."""
    source: str
    verdict: str
    left: Side
    relation: str
    right: Side
    allowed: str
    """The tolerance, in words; empty if there is none."""
    effect: str
    """``ratio 0.81 [0.78, 0.84]``, or empty."""
    p: float | None
    q: float | None
    n_places: int
    """Of several places, the least favourable one is told."""
    written: str
    """``before`` or ``after`` its table was seen."""
    remark: str

    @property
    def anchor(self) -> str:
        """What a link to it on the page of its experiment ends with."""
        return f"claim-{self.number}"


def claim(
    row: Mapping[str, Any],
    number: int,
    about: Mapping[str, str],
    rows: Mapping[str, Any],
    unit: str,
) -> Claim:
    """Return a claim from its row in the table of verdicts.

    Args:
        row: of the table, with ``None`` for what is missing.
        number: which of its experiment's it is.
        about: ``title``, ``area`` and ``section`` of where it stands.
        rows: legend and colour of each row of the experiment, by its label; none of a comparison.
        unit: of what it is about.
    """
    left, right = (_side(str(row[side]), row[f"{side}_value"], rows) for side in ("left", "right"))
    return Claim(
        of=row["experiment"],
        number=number,
        **about,
        kind=row["kind"],
        says=_says(row, left, right),
        source=row["source"],
        verdict=row["verdict"],
        left=left,
        relation=row["relation"],
        right=right,
        allowed=_allowed(row, unit),
        effect=_effect(row, unit),
        p=row.get("p"),
        q=row.get("q"),
        n_places=int(row["n_places"] or 0),
        written=row["written"],
        remark=row["remark"] or "",
    )


def counts(claims: Iterable[Claim], kind: str | None = None) -> dict[str, int]:
    """Return how many verdicts there are of each sort, those that do not occur left out.

    Args:
        claims: that are counted.
        kind: those alone that are ``claim``, or ``published``.
    """
    found = Counter(one.verdict for one in claims if kind in (None, one.kind))
    return {verdict: found[verdict] for verdict in VERDICTS if found[verdict]}


def _side(text: str, value: float | None, rows: Mapping[str, Any]) -> Side:
    """Part one side; a number is its own name, and a crossing is told in words."""
    found = "" if value is None else numbers.number(value)
    parts = SIDE.fullmatch(text)
    assert parts is not None  # it fits all that is not empty
    factor, words, offset = parts["factor"] or "", parts["words"], (parts["offset"] or "").strip()
    if numbers.is_number(words):
        return Side(numbers.number(float(words)), "", factor=factor, offset=offset)
    row = ROW.fullmatch(words)
    if row is None or row["label"] not in rows:
        return Side(words, found, factor=factor, offset=offset)
    return Side(
        name=rows[row["label"]].legend,
        value=found,
        label=row["label"],
        colour=rows[row["label"]].colour,
        factor=factor,
        place=row["place"] or "",
        offset=offset,
    )


def _says(row: Mapping[str, Any], left: Side, right: Side) -> str:
    if row["kind"] != "published":
        return str(row["claim"])
    place = f" ({left.place})" if left.place else ""
    better = " or better" if row["relation"] == "≲" else ""
    return f"{left.name}{place} reaches the published {right.name}{better}."


def _allowed(row: Mapping[str, Any], unit: str) -> str:
    if row["tolerance"] is None:
        return ""
    size = f"{numbers.plain(row['tolerance'])} {unit}".rstrip()
    return f"up to {size} above" if row["relation"] == "≲" else f"within {size}"


def _effect(row: Mapping[str, Any], unit: str) -> str:
    """Return what the test found, a difference with its unit."""
    if row["effect"] is None:
        return ""
    low, high = (float("nan") if row[e] is None else row[e] for e in ("ci_low", "ci_high"))
    found = f"{row['effect_is']} {numbers.difference(row['effect'], low, high)}"
    return f"{found} {unit}".rstrip() if row["effect_is"] == "difference" else found
