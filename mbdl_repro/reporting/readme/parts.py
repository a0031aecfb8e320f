"""Parts of the README, and what pages of results have in common with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from mbdl_repro.comparisons.reading import Comparison
from mbdl_repro.errors import UserError
from mbdl_repro.experiments.experiment import Experiment
from mbdl_repro.pipeline.costs import duration
from mbdl_repro.reporting import choices
from mbdl_repro.reporting.continuum import COMMON, FAMILIES, Cell, cells
from mbdl_repro.reporting.facts.claims import HELD
from mbdl_repro.reporting.facts.words import area_title, place_in
from mbdl_repro.reporting.markdown import escaped
from mbdl_repro.reporting.numbers import anchor
from mbdl_repro.reporting.readme.cited import CITED, MISSING
from mbdl_repro.reporting.readme.results import Results

if TYPE_CHECKING:
    import pandas as pd

README = Path("README.md")
PAGES = Path("docs/results")

UP = "../../"
"""From a page to the project's root."""

TELLING = "5.06_lista"
"""The experiment that the README shows, and has its reader compute."""

TALK = "6_talk"
"""The comparison that the README begins with."""

NAMED = 2
"""Methods that a cell of the continuum names."""

CORES = 2
"""Of a small machine, for which the README says how long all takes."""

KINDS = {"claim": "claims", "published": "published numbers"}
COMPARISONS = "Comparisons"
"""The heading of what several experiments answer together."""


def parts(results: Results) -> dict[str, str]:
    """Return the parts of the README that are written from results, by name.

    Raises:
        UserError: if a result is missing or damaged, or the experiment that the README shows.
    """
    if TELLING not in results.experiments:
        raise UserError(f"there is no experiment {TELLING}, which {README} shows")
    found = {
        "areas": areas_table(results),
        "cited": f"{len(CITED)} of {len(CITED) + len(MISSING)}",
        "continuum": continuum_table(results),
        "cost": f"{duration(results.spent(results.experiments).both / CORES)} on {CORES} cores",
        "telling_cost": f"{duration(results.spent([TELLING]).both)} on one core",
    }
    if TALK in results.comparisons:
        found["figure"] = figure_of(results, results.comparisons[TALK], root="")
    if choices.CHOICE in results.comparisons:
        found["which"] = choices.in_short(*results.choice, f"{PAGES}/which_method.md")
    return found


def areas_table(results: Results) -> str:
    """Return how much there is of each running example, and how its claims fared.

    Args:
        results: of all experiments.
    """
    lines = [
        "| running example | experiments | methods | claims that hold | published numbers met |",
        "|---|---:|---:|---:|---:|",
    ]
    for area, experiments in results.areas.items():
        title = area_title(area)
        link = f"[{title}]({PAGES}/gallery.md#{anchor(title)})"
        verdicts = results.verdicts(*(experiment.name for experiment in experiments))
        lines.append(f"| {link} | {_area_counts(experiments, verdicts)} |")
    if results.comparisons:
        found = [held(results.verdicts(*results.comparisons), kind) for kind in KINDS]
        link = f"[{COMPARISONS}]({PAGES}/gallery.md#{anchor(COMPARISONS)}) (Section 6)"
        lines.append(f"| {link} | {len(results.comparisons)} | – | {' | '.join(found)} |")
    lines.append(f"| **all** | {_area_counts(results.experiments.values(), results.verdicts())} |")
    return "\n".join(lines)


def _area_counts(experiments: Iterable[Experiment], verdicts: pd.DataFrame) -> str:
    experiments = list(experiments)
    methods = {(e.area, m.info.name) for e in experiments for m in e.methods.values()}
    found = [held(verdicts, kind) for kind in KINDS]
    return " | ".join([str(len(experiments)), str(len(methods)), *found])


def continuum_table(results: Results) -> str:
    """Return the methods of each family on each running example, and how claims on them fared.

    Of those running examples that have an experiment in which all families meet.
    """
    experiments = results.experiments.values()
    areas = sorted({e.area for e in experiments if e.name.startswith(COMMON)})
    found = cells(results.experiments, results.verdicts())
    lines = [f"| family | {' | '.join(map(area_title, areas))} |", "|---|" + "---|" * len(areas)]
    for family in FAMILIES:
        row = [_cell(found[family, area]) for area in areas]
        lines.append(f"| {family.title} | {' | '.join(row)} |")
    return "\n".join(lines)


def _cell(cell: Cell | None) -> str:
    if cell is None:
        return "–"
    shown = ", ".join(cell.methods[:NAMED]) + (", …" if len(cell.methods) > NAMED else "")
    return f"[{shown}]({PAGES}/gallery.md#{anchor(cell.experiment)}) {cell.fared}".rstrip()


def held(verdicts: pd.DataFrame, kind: str) -> str:
    """Return how many of a kind hold, as ``3 of 4``; a dash where there are none.

    Args:
        verdicts: that are counted.
        kind: one of :data:`KINDS`.
    """
    of_kind = verdicts[verdicts["kind"] == kind]
    return f"{of_kind['verdict'].isin(HELD).sum()} of {len(of_kind)}" if len(of_kind) else "–"


def counts(verdicts: pd.DataFrame) -> str:
    """Return how claims and published numbers fared, in a sentence for each that there are.

    Args:
        verdicts: that are counted.
    """
    said = []
    for kind, title in KINDS.items():
        found = Counter(verdicts["verdict"][verdicts["kind"] == kind])
        order = dict.fromkeys(["holds", "surpassed", "fails", "undecided", *sorted(found)])
        each = ", ".join(f"{found[v]} {_verb(v, found[v])}" for v in order if v in found)
        if n := found.total():
            said.append(f"Of {n} {title if n > 1 else title.removesuffix('s')}, {each}.")
    return " ".join(said)


def _verb(verdict: str, n: int) -> str:
    """Return a verdict as a verb of so many: ``fails`` and ``fail``, ``is undecided``."""
    if verdict in ("holds", "fails"):
        return verdict if n == 1 else verdict.removesuffix("s")
    return f"{'is' if n == 1 else 'are'} {verdict}"


def shown(results: Results, experiment: Experiment, root: str) -> str:
    """Return what the book says, an experiment's figure and caption, and how its claims fared.

    Args:
        results: of all experiments.
        experiment: that is shown.
        root: the path from the page to the project's root.
    """
    title = escaped(experiment.book.title)
    caption = f"*{place_in(experiment.book)}.* {escaped(experiment.figure.caption)}"
    blocks = [
        f"**{title}.** {escaped(experiment.book.says)}",
        f"![{title}]({root}{results.store.figure(experiment.name)})",
        f"{caption} {counts(results.verdicts(experiment.name))}".rstrip(),
    ]
    return "\n\n".join(blocks)


def figure_of(results: Results, comparison: Comparison, root: str) -> str:
    """Return a comparison's figure with its caption.

    Args:
        results: of all experiments and comparisons.
        comparison: that is shown.
        root: the path from the page to the project's root.
    """
    title = escaped(comparison.book.title)
    figure = f"![{title}]({root}{results.store.figure(comparison.name)})"
    return f"**{title}.** {escaped(comparison.caption)}\n\n{figure}"
