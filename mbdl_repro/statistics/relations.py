"""Relations that a claim may state, how tables print them, and the verdicts on it."""

from __future__ import annotations

from typing import Literal

Relation = Literal["below", "above", "within", "reaches"]
SIGNS: dict[Relation, str] = {"below": "<", "above": ">", "within": "≈", "reaches": "≲"}
TOLERANT = ("within", "reaches")
"""Relations that allow for a difference."""
Verdict = Literal["fails", "undecided", "holds"]  # least favourable first
