"""What there is to say of one experiment."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mbdl_repro import catalogue
from mbdl_repro.contract.family import Family
from mbdl_repro.contract.table import distinct
from mbdl_repro.experiments.experiment import Experiment, MethodEntry
from mbdl_repro.experiments.schema import Book
from mbdl_repro.figures.style import RowStyle, row_styles
from mbdl_repro.reporting import numbers
from mbdl_repro.reporting.facts.claims import Claim
from mbdl_repro.reporting.facts.figure import Figure, figure_files, figure_of
from mbdl_repro.reporting.facts.tables import Means, Table, tables_of
from mbdl_repro.reporting.facts.words import Paragraph, listed, paragraphs, span
from mbdl_repro.store.paths import Store
from mbdl_repro.store.records import read_record, read_table

if TYPE_CHECKING:
    import pandas as pd


@dataclasses.dataclass(frozen=True)
class Entry:
    """A method as an experiment has it."""

    label: str
    legend: str
    colour: str
    method: str
    """Its own name; that of its page, with the area."""
    family: Family
    n_parameters: str
    """How many numbers it learns, ``0`` or ``31–1,234``, as there are places."""
    belief: str
    settings: Mapping[str, str]
    """Where they are not as by default; of those that fits chose, which, and how often."""
    recipe: str
    train_seconds: float | None
    """In all; ``None`` where nothing is fitted, or nobody took the time."""
    evaluate_seconds: float | None


@dataclasses.dataclass(frozen=True)
class Bound:
    """A bound that an experiment shows."""

    name: str
    legend: str
    kind: str
    metrics: tuple[str, ...]
    paragraphs: tuple[Paragraph, ...]


@dataclasses.dataclass(frozen=True)
class ExperimentFacts:
    """An experiment: what is asked, how it is set up, what came of it."""

    name: str
    book: Book
    area: str
    figure: Figure
    claims: tuple[Claim, ...]
    tables: tuple[Table, ...]
    entries: tuple[Entry, ...]
    bounds: tuple[Bound, ...]
    setup: Mapping[str, str]
    n_seeds: int
    record: Mapping[str, Any]
    """Of what made its rows: ``scale``, ``device``, ``created``, ``commit``, ``versions``."""
    source: Path
    """The experiment file."""
    files: Mapping[str, Path]
    """Its table and its figure, by what each is."""
    rows: Path
    """The value of each seed."""

    @property
    def families(self) -> list[Family]:
        """Those of its methods, along the continuum."""
        return sorted({entry.family for entry in self.entries}, key=lambda family: family.rank)


def styles_of(experiment: Experiment) -> dict[str, RowStyle]:
    """Return the styles of an experiment's methods and bounds, by label, in their order."""
    families = {label: entry.info.family for label, entry in experiment.methods.items()}
    bounds = dict.fromkeys(experiment.bounds, Family.BOUND)
    return row_styles(families | bounds, experiment.legends)


def experiment_facts(
    experiment: Experiment, store: Store, claims: tuple[Claim, ...]
) -> ExperimentFacts:
    """Return what there is to say of an experiment.

    Args:
        experiment: that is told of.
        store: where its results lie.
        claims: its own.
    """
    name = experiment.name
    table = read_table(store.table(name))
    record = read_record(store.seed_rows(name)) or {}
    styles = styles_of(experiment)
    n_seeds = int(table["n_seeds"].max())
    caption = (
        f"{experiment.figure.caption} Bands are 95 % confidence intervals over {n_seeds} seeds, "
        "of what learns nothing over their test signals."
    )
    return ExperimentFacts(
        name=name,
        book=experiment.book,
        area=experiment.area,
        figure=figure_of(store.figure(name), _alt(experiment), caption),
        claims=claims,
        tables=tables_of(experiment, Means(experiment, table), styles),
        entries=tuple(
            _entry(experiment, experiment.methods[label], style, table, record)
            for label, style in styles.items()
            if label in experiment.methods
        ),
        bounds=tuple(map(_bound, map(catalogue.bounds(experiment.area).get, experiment.bounds))),
        setup=_setup(experiment),
        n_seeds=n_seeds,
        record=record,
        source=experiment.path,
        files={"table (CSV)": store.table(name), **figure_files(name, store)},
        rows=store.seed_rows(name),
    )


def _alt(experiment: Experiment) -> str:
    panels = [
        f"{panel.title}: {panel.y} against {panel.x}" if hasattr(panel, "x") else panel.title
        for panel in experiment.panels
    ]
    legends = ", ".join(entry.legend for entry in experiment.methods.values())
    return f"Panels: {'; '.join(panels)}. Methods: {legends}. The numbers are in the table below."


def _entry(
    experiment: Experiment,
    entry: MethodEntry,
    style: RowStyle,
    table: pd.DataFrame,
    record: Mapping[str, Any],
) -> Entry:
    settings = numbers.settings(entry)
    for name, counts in record.get("chosen", {}).get(entry.label, {}).items():
        settings[name] += f"; chosen: {numbers.chosen(entry.tune[name], counts)}"
    given = experiment.file["methods"][entry.label].get("recipe") or {}
    recipe = {k.replace("_", " "): v for k, v in entry.recipe.model_dump().items() if k in given}
    sizes = sorted(set(table.loc[table["method"] == entry.label, "n_parameters"]))
    cost = record.get("cost", {}).get(entry.label, {})
    return Entry(
        label=entry.label,
        legend=entry.legend,
        colour=style.colour,
        method=entry.info.name,
        family=entry.info.family,
        n_parameters="–".join(f"{n:,}" for n in distinct(sizes[:1] + sizes[-1:])),
        belief=entry.belief.replace("_", " "),
        settings=settings,
        recipe=listed(recipe),
        train_seconds=cost.get("train_seconds") if entry.has_fit else None,
        evaluate_seconds=cost.get("evaluate_seconds"),
    )


def _bound(info: Any) -> Bound:
    marks = info.marks
    said = paragraphs(info.doc)
    return Bound(info.name, marks["label"], marks["kind"], tuple(marks["metrics"]), said)


def _setup(experiment: Experiment) -> dict[str, str]:
    """Return how the experiment is set up, in a few words a line."""
    scenario = dataclasses.asdict(experiment.scenario)
    for column in experiment.sweep_columns:
        scenario[column] = span(point[column] for point in experiment.points)
    setup = {
        "scenario": listed(scenario),
        "training pairs": span(n for _, n in experiment.runs),
        "each seed": f"{experiment.samples.test:,} test and {experiment.samples.validation:,} "
        "validation signals",
    }
    for column in experiment.test_columns:
        field = column.removeprefix("test_")
        setup[f"tested at {field}"] = span(point[field] for point in experiment.test_points)
    used = {entry.belief for entry in experiment.methods.values()}
    for name, changes in experiment.beliefs.items():
        if name in used and changes:
            setup[f"belief {name.replace('_', ' ')}"] = listed(changes, null="unknown")
    return {key: text for key, text in setup.items() if text != "0"}
