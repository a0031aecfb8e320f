"""The blocks that comparison files are made of: their keys and types."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from mbdl_repro.experiments.schema import Block, Number, Text
from mbdl_repro.statistics.relations import Relation, Written


class ClaimFrame(Block):
    """A sentence of the book (or ours) and the inequality that makes it testable."""

    says: Text
    source: Text
    quantity: Text | None = None
    """A column of what is measured; the kind's first one if not given."""
    left: Annotated[dict[str, Any], Field(min_length=1)]
    """Values of columns that, with those of what follows, name one row a seed."""
    relation: Relation
    right: dict[str, Any] | Number
    """The same, or a number."""
    at: dict[str, Any] = Field(default_factory=dict)
    """What both sides have in common; of a list, each value is a place where it is to hold."""
    every: list[Text] = Field(default_factory=list)
    """Columns at every value of which, where both sides are, it is to hold: one verdict."""
    each: list[Text] = Field(default_factory=list)
    """Columns at each value of which, where both sides are, it is a claim of its own."""
    factor: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0
    offset: Number = 0.0
    """Added to the right side: what a factor is where the quantity is in dB."""
    tolerance: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    written: Written | None = None
    """Before its table was seen, or after: if not given, before for what others say, and after
    for ``source: ours``."""
    remark: Text | None = None
    """Why it fails, where it does, in a sentence: a finding, or a limit of ours."""


class Frame(Block):
    """The top level of a comparison file."""

    book: dict[str, Any]
    kind: Text
    """A file of the folder ``comparisons/kinds``."""
    caption: Text
    shown: dict[str, Any] = Field(default_factory=dict)
    """Keys of the kind."""
    claims: list[dict[str, Any]] = Field(default_factory=list)
