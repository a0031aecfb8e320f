"""Relations that a claim may state, how values compare, and the verdicts on it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

Relation = Literal["below", "above", "within", "reaches"]
SIGNS: dict[Relation, str] = {"below": "<", "above": ">", "within": "≈", "reaches": "≲"}
TOLERANT = ("within", "reaches")
"""Relations that allow for a difference."""
Verdict = Literal["fails", "undecided", "holds", "surpassed"]  # least favourable first
Written = Literal["before", "after"]
"""Whether a claim was written before its table was seen, or after."""

Scale = Literal["difference", "ratio", "decibels"]
"""How two values compare: by their difference; by their ratio, as positive errors do, of which one
in four may be five times as large as the others; or, where they are in dB, by the ratio of what
they are the dB of, in dB."""


def scale_of(marks: Mapping[str, Any]) -> Scale:
    """Return how values of a metric compare.

    Args:
        marks: words of its decorator (see :func:`mbdl_repro.contract.measure.metric`).
    """
    if marks.get("decibels"):
        return "decibels"
    return "ratio" if marks.get("positive") else "difference"


def right_side(words: str, factor: float = 1.0, offset: float = 0.0, unit: str = "") -> str:
    """Return the right side of a claim in words, as ``2 × lista (n_train 5) + 3 dB``.

    Args:
        words: what is named there.
        factor: multiplies it.
        offset: is added to it.
        unit: of the offset; empty where it has none.
    """
    times = "" if factor == 1 else f"{factor:g} × "
    added = "" if offset == 0 else f" {'+' if offset > 0 else '−'} {abs(offset):g} {unit}".rstrip()
    return f"{times}{words}{added}"
