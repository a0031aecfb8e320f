"""What there is to say of one comparison of several experiments."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

from mbdl_repro.comparisons.reading import Comparison
from mbdl_repro.experiments.schema import Book
from mbdl_repro.reporting.facts.claims import Claim
from mbdl_repro.reporting.facts.figure import Figure, figure_files, figure_of
from mbdl_repro.store.paths import Store


@dataclasses.dataclass(frozen=True)
class ComparisonFacts:
    """A comparison of several experiments."""

    name: str
    book: Book
    figure: Figure
    claims: tuple[Claim, ...]
    source: Path
    files: Mapping[str, Path]


def comparison_facts(
    comparison: Comparison, store: Store, claims: tuple[Claim, ...]
) -> ComparisonFacts:
    """Return what there is to say of a comparison.

    Args:
        comparison: that is told of.
        store: where its results lie.
        claims: its own.
    """
    name = comparison.name
    return ComparisonFacts(
        name=name,
        book=comparison.book,
        figure=figure_of(store.figure(name), f"{comparison.book.title}.", comparison.caption),
        claims=claims,
        source=comparison.path,
        files={"table (CSV)": store.comparison(name), **figure_files(name, store)},
    )
