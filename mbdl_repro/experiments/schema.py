"""The blocks that experiment files are made of: their keys and types."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from mbdl_repro.experiments import limits
from mbdl_repro.statistics.relations import Relation, Written

Text = Annotated[str, Field(min_length=1)]
Count = Annotated[int, Field(ge=1, le=limits.COUNT)]
Columns = Annotated[int, Field(ge=1, le=limits.PANELS)]
Number = Annotated[float, Field(allow_inf_nan=False)]


class Block(BaseModel):
    """A block of an experiment file: strict about types, closed to unknown keys."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, populate_by_name=True)


class Book(Block):
    """Where in the monograph this stands, and what it says there, in our words."""

    example: Text | None
    section: Text
    title: Text
    says: Text


class Samples(Block):
    """Sizes of the validation and the test set of each seed."""

    validation: Count
    test: Count


class MethodFrame(Block):
    """The keys of a method's entry that are not settings of the method itself."""

    method: Text | None = None
    legend: Text | None = None
    belief: Text = "full"
    recipe: dict[str, Any] | None = None
    tune: dict[str, list[Any]] = {}
    flat_beyond: dict[str, Literal["low", "high", "both"]] = {}
    """Tuned settings that fits choose at an end, beyond which the error on validation is flat."""
    depths: list[Count] = []
    jobs: Annotated[int, Field(ge=1, le=limits.JOBS)] = 1
    genie_aided: bool = False
    """Where it is tested off its training point, its assumed model is what holds there: what was
    fitted stays, and is built into a method anew."""


class Side(Block):
    """A side of a claim: a method, or a bound, at a point of the sweep."""

    method: Text
    metric: Text | None = None
    """The claim's own if not given."""
    at: dict[str, Any] = {}
    iteration: Annotated[int, Field(ge=0)] | None = None


class ClaimFrame(Block):
    """A sentence of the book (or ours) and the inequality that makes it testable."""

    says: Text
    source: Text
    metric: Text | None = None
    left: dict[str, Any]
    rises_above: dict[str, Any] | None = None
    """With ``along``: the claim is about where left's curve along that column first goes above
    this one's, which may also stand at one place, and ``right`` is a value of the column."""
    falls_below: dict[str, Any] | None = None
    """The same, about where it first goes below."""
    along: Text | None = None
    relation: Relation
    right: Any
    factor: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0
    offset: Number = 0.0
    """Added to the right side: what a factor is where the metric is in dB."""
    tolerance: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    at: dict[str, Any] = {}
    written: Written | None = None
    """Before its table was seen, or after: if not given, before for what others say, and after
    for ``source: ours``."""
    remark: Text | None = None
    """Why it fails, in a sentence: a finding, or a limit of ours."""


class Published(Block):
    """A published number, with how far from it ours may lie."""

    source: Text
    method: Text
    value: Number
    tolerance: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    metric: Text | None = None
    at: dict[str, Any] = {}
    iteration: Annotated[int, Field(ge=0)] | None = None
    or_better: bool = False
    printed: bool = True
    """Figures that mark what was published mark it: not what others recomputed."""
    written: Written = "before"
    """After, where the number or its tolerance was chosen when our table had been seen."""
    remark: Text | None = None


class Role(Block):
    """What an experiment stands for where several are compared: a problem, in some states."""

    example: Text
    panels: Annotated[dict[Text, Text], Field(min_length=1)]
    """By what is known there, titles of the figure's panels: each shows who meets, over what."""
    bound: Text | None = None
    """A method or bound that nothing is below, if it is not the bound that panels draw over."""
    higher_is_better: bool = False


class FigureFrame(Block):
    """The figure: its panels, left to right, and the sentence under it."""

    caption: Text
    panels: Annotated[list[dict[str, Any]], Field(min_length=1, max_length=limits.PANELS)]
    columns: Columns | None = None


class Frame(Block):
    """The top level of an experiment file."""

    book: dict[str, Any]
    area: Text
    scenario: dict[str, Any]
    measured: Text | None = None
    """A file of pairs in place of those that would be drawn: the scenario is then what designers
    assume of them."""
    beliefs: dict[str, dict[str, Any]] = {}
    sweep: Any = Field(default_factory=dict)
    test_sweep: Any = Field(default_factory=dict)
    samples: dict[str, Any]
    seeds: Annotated[int, Field(ge=1, le=limits.SEEDS)]
    block: Count = 1
    methods: Annotated[dict[str, dict[str, Any]], Field(min_length=1)]
    metrics: Annotated[list[Text], Field(min_length=1)]
    trace: list[Annotated[int, Field(ge=0)]] = []
    bounds: list[Text] = []
    figure: dict[str, Any]
    roles: list[dict[str, Any]] = []
    published: list[dict[str, Any]] = []
    claims: list[dict[str, Any]] = []
