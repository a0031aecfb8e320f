"""Write one page that shows everything."""

from __future__ import annotations

import base64
import dataclasses
import os
import struct
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from mbdl_repro import catalogue
from mbdl_repro.catalogue.memory import PACKAGE
from mbdl_repro.comparisons.reading import Comparison, load_all
from mbdl_repro.contract.family import Family
from mbdl_repro.contract.table import distinct
from mbdl_repro.experiments.experiment import Experiment, MethodEntry
from mbdl_repro.experiments.scale import Scale
from mbdl_repro.figures.style import COLOURS, RowStyle, row_styles
from mbdl_repro.pipeline.job import Job
from mbdl_repro.reporting import continuum, docstrings, numbers, tables
from mbdl_repro.store.paths import Store
from mbdl_repro.store.records import read_checked, read_record, read_table

if TYPE_CHECKING:
    import pandas as pd

BOOK = "https://doi.org/10.1561/2000000113"
MARKS = {"surpassed": "✓+", "holds": "✓", "fails": "✗", "undecided": "~", "not run": "–"}


def report(job: Job) -> None:
    """Write the page."""
    job.save({job.store.report(): page(job.book, job.scale, job.store).encode()})


def page(book: Mapping[str, Experiment], scale: Scale, store: Store) -> str:
    """Return the page that shows all results, as HTML.

    Args:
        book: the experiments, by name.
        scale: how much of them was run.
        store: where the results lie.
    """
    verdicts = read_table(store.verdicts()).astype(object)
    verdicts = verdicts.where(verdicts.notna(), None)
    sections = [
        _section(experiment, store, verdicts[verdicts["experiment"] == name])
        for name, experiment in book.items()
    ]
    template = _environment().get_template("report.html.j2")
    return template.render(
        sections=sections,
        comparisons=[
            _comparison(comparison, store, verdicts[verdicts["experiment"] == name])
            for name, comparison in load_all().items()
        ],
        failed=[(s, v) for s in sections for v in s["verdicts"] if v["verdict"] == "fails"],
        scale=scale,
        book=BOOK,
        marks=MARKS,
        families=continuum.FAMILIES,
        areas=sorted({experiment.area for experiment in book.values()}),
        continuum=continuum.cells(book, verdicts),
        colours=COLOURS,
        bound_colour=COLOURS[Family.BOUND],
        counts={kind: _counts(verdicts, kind) for kind in ("claim", "published")},
        verdicts_file=_beside(store, store.verdicts()),
    )


def _comparison(comparison: Comparison, store: Store, verdicts: pd.DataFrame) -> dict[str, Any]:
    """Return what the page says of a comparison of several experiments."""
    name = comparison.name
    return {
        "name": name,
        "book": comparison.book,
        "caption": comparison.caption,
        **_figure(store.figure(name)),
        "verdicts": verdicts.to_dict("records"),
        "counts": _counts(verdicts),
        "files": {"table (CSV)": _beside(store, store.comparison(name))},
    }


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("mbdl_repro.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "number": numbers.number,
        "effect": numbers.effect,
        "seconds": numbers.seconds,
        "plain": numbers.plain,
        "words": lambda name: name.replace("_", " "),
        "prose": _prose,
        "is_number": numbers.is_number,
    }
    environment.tests["equation"] = docstrings.is_equation
    return environment


def _prose(text: str) -> Markup:
    """Return a docstring's paragraph as HTML: what stands between back-quotes is code."""
    return Markup(docstrings.QUOTED.sub(r"<code>\2</code>", str(escape(text))))


def _section(experiment: Experiment, store: Store, verdicts: pd.DataFrame) -> dict[str, Any]:
    """Return what the page says of one experiment."""
    name = experiment.name
    table = read_table(store.table(name))
    record = read_record(store.seed_rows(name)) or {}
    families = {label: entry.info.family for label, entry in experiment.methods.items()}
    bounds = dict.fromkeys(experiment.bounds, Family.BOUND)
    styles = row_styles(families | bounds, experiment.legends)
    return {
        "experiment": experiment,
        "families": sorted(set(families.values()), key=lambda family: family.rank),
        **_figure(store.figure(name)),
        "alt": _alt(experiment),
        "verdicts": [
            verdict | {side: _side(verdict[side], styles) for side in ("left", "right")}
            for verdict in verdicts.to_dict("records")
        ],
        "counts": _counts(verdicts),
        "setup": _setup(experiment),
        "tables": _tables(experiment, table, styles),
        "methods": [
            _method(experiment.methods[label], style, experiment, table, record)
            for label, style in styles.items()
            if label in experiment.methods
        ],
        "bounds": _bounds(experiment),
        "files": _files(name, store),
        "record": record,
        "n_seeds": int(table["n_seeds"].max()),
    }


def _figure(path: Path) -> dict[str, Any]:
    """Return a PNG as text, and the width and height at which it is shown, in pixels."""
    content = read_checked(path)
    return {
        "figure": base64.b64encode(content).decode(),
        "size": [round(0.6 * pixels) for pixels in struct.unpack(">II", content[16:24])],
    }


def _bounds(experiment: Experiment) -> list[dict[str, Any]]:
    """Return what the page says of each bound."""
    return [
        {"info": info, "paragraphs": docstrings.paragraphs(info.doc)}
        for info in map(catalogue.bounds(experiment.area).get, experiment.bounds)
        if info
    ]


def _files(name: str, store: Store) -> dict[str, str]:
    """Return the addresses of an experiment's files, by what they are."""
    return {
        "table (CSV)": _beside(store, store.table(name)),
        "rows of each seed (CSV)": _beside(store, store.seed_rows(name)),
    } | {
        f"figure ({kind.upper()})": _beside(store, store.figure(name, kind))
        for kind in store.figure_formats
    }


def _side(text: str, styles: dict[str, RowStyle]) -> dict[str, str | None]:
    """Split one side of a comparison: a factor, a row by its legend and colour, and its place."""
    ((factor, name, place),) = continuum.SIDE.findall(text)
    style = styles.get(name)
    return {
        "factor": factor,
        "name": style.legend if style else name,
        "colour": style.colour if style else None,
        "place": place.strip(" ()"),
    }


def _method(
    entry: MethodEntry,
    style: RowStyle,
    experiment: Experiment,
    table: pd.DataFrame,
    record: dict[str, Any],
) -> dict[str, Any]:
    """Return what the page says of one method."""
    doc = entry.info.doc
    given = experiment.file["methods"][entry.label].get("recipe") or {}
    settings = entry.settings | numbers.settings(entry)
    for name, counts in record.get("chosen", {}).get(entry.label, {}).items():
        settings[name] += f"; chosen: {numbers.chosen(entry.tune[name], counts)}"
    recipe = {key: value for key, value in entry.recipe.model_dump().items() if key in given}
    sizes = sorted(set(table.loc[table["method"] == entry.label, "n_parameters"]))
    return {
        "entry": entry,
        "style": style,
        "n_parameters": "–".join(f"{n:,}" for n in distinct(sizes[:1] + sizes[-1:])),
        "settings": settings,
        "recipe": ", ".join(f"{k.replace('_', ' ')} {numbers.plain(v)}" for k, v in recipe.items()),
        "cost": record.get("cost", {}).get(entry.label, {}),
        "paragraphs": docstrings.paragraphs(doc),
        "meanings": entry.info.meanings,
        "source": docstrings.source(doc),
        "file": entry.info.path.relative_to(PACKAGE.parent).as_posix(),
    }


def _tables(
    experiment: Experiment, table: pd.DataFrame, styles: dict[str, RowStyle]
) -> list[dict[str, Any]]:
    """Return the answers' means: a table a metric, with a row a place and a column a method.

    Where there is but one place, methods are the rows and metrics the columns.
    """
    rows = tables.final(table)
    columns = tables.place_columns(experiment, rows)
    cells = {
        (row["method"], row["metric"], *(row[column] for column in columns)): numbers.number(
            row["mean"], row["ci_high"] - row["mean"]
        )
        for row in rows.to_dict("records")
    }
    if not columns:
        return [_methods_by_metrics(experiment, cells, styles)]
    sized = rows[rows["n_train"] > 0] if "n_train" in columns else rows
    places = distinct(sized[columns].itertuples(index=False, name=None))
    return [
        _places_by_methods(experiment, metric, columns, places, cells, styles)
        for metric in experiment.metrics
    ]


Cells = dict[tuple[Any, ...], str]
"""Means as text, by the method, the metric, and the value of each column of the place."""


def _methods_by_metrics(
    experiment: Experiment, cells: Cells, styles: dict[str, RowStyle]
) -> dict[str, Any]:
    metrics = catalogue.metrics(experiment.area)
    return {
        "title": "",
        "corner": ["method"],
        "head": [(metrics[metric].marks["label"], None) for metric in experiment.metrics],
        "body": [
            (
                [(style.legend, style.colour)],
                [cells.get((name, metric), "") for metric in experiment.metrics],
            )
            for name, style in styles.items()
        ],
    }


def _places_by_methods(
    experiment: Experiment,
    metric: str,
    columns: list[str],
    places: list[tuple[Any, ...]],
    cells: Cells,
    styles: dict[str, RowStyle],
) -> dict[str, Any]:
    def cell(method: str, place: tuple[Any, ...]) -> str:
        # Rows of what does not learn have size 0 and stand beside every size of training set.
        anywhere = (0 if c == "n_train" else v for c, v in zip(columns, place, strict=True))
        return cells.get((method, metric, *place)) or cells.get((method, metric, *anywhere), "")

    shown = [name for name in styles if any(cell(name, place) for place in places)]
    return {
        "title": catalogue.metrics(experiment.area)[metric].marks["label"],
        "corner": columns,
        "head": [(styles[name].legend, styles[name].colour) for name in shown],
        "body": [
            (
                [(numbers.plain(value), None) for value in place],
                [cell(name, place) for name in shown],
            )
            for place in places
        ],
    }


def _setup(experiment: Experiment) -> dict[str, str]:
    """Return how the experiment is set up, in a few words a line."""
    scenario = dataclasses.asdict(experiment.scenario)
    for column in experiment.sweep_columns:
        scenario[column] = _span(point[column] for point in experiment.points)
    sizes = _span(n for _, n in experiment.runs)
    setup = {
        "scenario": _words(scenario),
        "training pairs": sizes,
        "each seed": f"{experiment.samples.test:,} test and {experiment.samples.validation:,} "
        "validation signals",
    }
    for column in experiment.test_columns:
        field = column.removeprefix("test_")
        setup[f"tested at {field}"] = _span(point[field] for point in experiment.test_points)
    used = {entry.belief for entry in experiment.methods.values()}
    for name, changes in experiment.beliefs.items():
        if name in used and changes:
            setup[f"belief {name}"] = _words(changes, null="unknown")
    return {key: text for key, text in setup.items() if text != "0"}


def _words(fields: dict[str, Any], null: str = "null") -> str:
    return ", ".join(
        f"{key} {null if value is None else numbers.plain(value)}" for key, value in fields.items()
    )


def _span(values: Iterable[Any]) -> str:
    """Return a few values in full, and many as the first, the last, and how many they are."""
    values = distinct(values)
    if not any(isinstance(value, str | None) for value in values):
        values = sorted(values)
    shown = [numbers.plain(value) for value in values]
    if len(shown) <= 4:
        return " / ".join(shown)
    return f"{shown[0]} … {shown[-1]} ({len(shown)} values)"


def _alt(experiment: Experiment) -> str:
    """Return what the figure shows, for those who do not see it."""
    panels = [
        f"{panel.title}: {panel.y} against {panel.x}" if hasattr(panel, "x") else panel.title
        for panel in experiment.panels
    ]
    legends = ", ".join(entry.legend for entry in experiment.methods.values())
    return f"Panels: {'; '.join(panels)}. Methods: {legends}. The numbers are in the table below."


def _counts(verdicts: pd.DataFrame, kind: str | None = None) -> dict[str, int]:
    """Return how many verdicts there are of each sort, those that do not occur left out."""
    if kind is not None and "kind" in verdicts:
        verdicts = verdicts[verdicts["kind"] == kind]
    counts = {verdict: int((verdicts["verdict"] == verdict).sum()) for verdict in MARKS}
    return {verdict: n for verdict, n in counts.items() if n}


def _beside(store: Store, path: Path) -> str:
    """Return a file's address as the page links to it."""
    return Path(os.path.relpath(path, store.report().parent)).as_posix()
