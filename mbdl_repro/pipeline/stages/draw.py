"""Draw an experiment's figure from its table and a few stored examples."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import matplotlib
import numpy as np

matplotlib.use("agg")  # before pyplot: no screen is needed, and bytes are the same everywhere

from matplotlib import pyplot as plt

from mbdl_repro import catalogue
from mbdl_repro.contract.family import Family
from mbdl_repro.experiments.schema import FigureFrame
from mbdl_repro.figures import draw_panel
from mbdl_repro.figures.layout import lay_out
from mbdl_repro.figures.names import LETTERS, NAME, Cell, under, wrapped
from mbdl_repro.figures.panel import Sources
from mbdl_repro.figures.style import RC, STYLES, TALK, row_styles, to_bytes
from mbdl_repro.pipeline.job import Job
from mbdl_repro.store.records import read_arrays, read_table

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from mbdl_repro.experiments.experiment import Experiment
    from mbdl_repro.store.paths import Store

PANEL_INCHES = (3.8, 2.9)
ALONE_INCHES = 5.6
"""Width of a figure of one column."""
LINE_INCHES, HEAD_INCHES = 0.165, 1.0
"""Height of a line of words, and of a panel's title and axis."""


def draw(job: Job) -> None:
    """Draw the panels, and write them in the formats of the scale."""
    experiment, store = job.experiment, job.store
    images = drawn(
        experiment.panels, experiment.figure, kept(experiment, store), store.figure_formats
    )
    job.save({store.figure(experiment.name, kind): image for kind, image in images.items()})


def kept(experiment: Experiment, store: Store) -> Sources:
    """Read what the panels of an experiment's figure are drawn from.

    Args:
        experiment: whose figure it is.
        store: where its table and its examples lie.
    """
    infos = catalogue.metrics(experiment.area)
    return sources_of(
        experiment,
        {name: infos[name].marks["label"] for name in experiment.metrics},
        read_table(store.table(experiment.name)),
        read_table(store.seed_rows(experiment.name)),
        read_arrays(store.shown(experiment.name)),
        read_table(store.histories(experiment.name)),
        frozenset(name for name in experiment.metrics if infos[name].marks["decibels"]),
    )


def sources_of(
    experiment: Experiment,
    labels: Mapping[str, str],
    table: pd.DataFrame,
    seed_table: pd.DataFrame,
    shown: Mapping[str, np.ndarray],
    histories: pd.DataFrame,
    decibels: frozenset[str] = frozenset(),
) -> Sources:
    """Return what the panels of an experiment's figure may read.

    Args:
        experiment: whose figure it is.
        labels: how axes spell the metrics.
        table: the summary over seeds.
        seed_table: the rows of each seed.
        shown: examples, each array after its method's label, or without one where all share it.
        histories: of training, a row a step.
        decibels: metrics in dB that are averaged as the ratios that they stand for.
    """
    families = {label: entry.info.family for label, entry in experiment.methods.items()}
    families |= dict.fromkeys(experiment.bounds, Family.BOUND)
    return Sources(
        table=table,
        examples={label: _of_method(shown, label) for label in experiment.methods},
        styles=row_styles(families, experiment.legends),
        labels={**labels, "n_train": "number of training pairs", "iteration": "iteration"},
        seed_table=seed_table,
        histories=histories,
        published=experiment.published,
        decibels=decibels,
    )


def drawn(
    panels: Sequence[Any],
    frame: FigureFrame,
    sources: Sources,
    formats: Sequence[str],
    style: str = "paper",
) -> dict[str, bytes]:
    """Draw panels, row by row.

    Args:
        panels: what each shows, in the order of the file.
        frame: how many columns of panels there are.
        sources: what the panels read.
        formats: kinds of file that it is written as: ``png``, ``pdf``, ``svg``.
        style: what it is for: ``paper`` or ``talk``.

    Returns:
        The bytes of the figure, by kind of file.
    """
    with plt.rc_context(STYLES[style]):
        figure = figure_of(panels, frame, sources)
        images = {kind: to_bytes(figure, kind) for kind in formats}
        plt.close(figure)
    return images


def figure_of(panels: Sequence[Any], frame: FigureFrame, sources: Sources) -> Figure:
    """Return a figure of panels, each part in its place.

    Args:
        panels: what each shows, in the order of the file.
        frame: how many columns of panels there are.
        sources: what the panels read.
    """
    columns = frame.columns or min(len(panels), 2)
    larger = TALK if plt.rcParams["font.size"] > RC["font.size"] else 1.0
    cell = larger * (PANEL_INCHES[0] if columns > 1 else ALONE_INCHES)
    width = cell * columns
    rows = list(_rows(panels, columns))
    heights = [
        row[0].height(width) if row[0].wide else larger * _height(row, sources, cell / larger)
        for row in rows
    ]
    figure = plt.figure(figsize=(width, sum(heights)))
    blocks = _blocks(rows)
    inches = [sum(heights[i] for i in block) for block in blocks]
    # Wide panels keep to themselves: labels of others shall not push them aside.
    parts = (
        figure.subfigures(len(blocks), 1, height_ratios=inches, squeeze=False)[:, 0]
        if len(blocks) > 1
        else [figure]
    )
    cells = []
    for part, block in zip(parts, blocks, strict=True):
        wide = rows[block[0]][0].wide
        across = 1 if wide else columns
        grid = part.add_gridspec(len(block), across, height_ratios=[heights[i] for i in block])
        for i, row in enumerate(rows[k] for k in block):
            made = []
            for j, panel in enumerate(row):
                last = j == len(row) - 1
                place = grid[i, j:] if last else grid[i, j]  # what is left of a row is the last's
                axes = part.add_subplot(place, projection=panel.projection)
                draw_panel(axes, panel, sources)
                made.append(Cell(axes, panel, width if wide else cell))
            cells.append(made)
    lay_out(figure, cells)
    return figure


def _height(row: Sequence[Any], sources: Sources, inches: float) -> float:
    """Return how high a row of panels is, in inches on a page."""
    bodies = [_body(panel, panel is row[-1], sources) for panel in row]
    return max(bodies) + LINE_INCHES * max(_lines_under(p, row[-1], sources, inches) for p in row)


def _body(panel: Any, last: bool, sources: Sources) -> float:
    """Return the height of a panel, with its title and axis, so that its names have room."""
    if panel.listed:
        names = [sources.styles[name].legend for name in panel.listed]
        lines = [1 + wrapped(name, NAME).count("\n") for name in names]
        each = max((max(a + b, 3) / 2 for a, b in itertools.pairwise(lines)), default=1.5)
        return HEAD_INCHES + LINE_INCHES * 1.06 * each * len(lines)
    if panel.names_at_ends and last:
        names = [sources.styles[name].legend for name in panel.chosen(sources)]
        high = sum(1.1 + wrapped(name, LETTERS).count("\n") for name in names)
        return max(PANEL_INCHES[1], HEAD_INCHES - 0.3 + LINE_INCHES * (high + panel.printed))
    return PANEL_INCHES[1]


def _lines_under(panel: Any, last: Any, sources: Sources, inches: float) -> int:
    """Return how many lines the legend under a panel has, at most."""
    if panel.listed and not panel.names_left:
        return 0
    if panel.names_left:
        bounds = len(sources.styles) - len(sources.examples)
        bounds = bounds if panel.bounds is None else len(panel.bounds)
        return bounds + panel.printed + panel.seeds + (panel.also is not None)
    if panel.names_at_ends:
        if panel is last:
            return 0
        named = set(last.chosen(sources)) if last.names_at_ends else set()
        rest = [name for name in panel.chosen(sources) if name not in named]
        extra = ["published"] * (panel.printed and not (last.names_at_ends and last.printed))
    else:
        rest, extra = list(getattr(panel, "methods", ())), ["target", "hollow"]
    names = [*(sources.styles[name].legend for name in rest), *extra]
    return under(names, inches)[2] if names else 0


def _rows(panels: Sequence[Any], columns: int) -> Iterator[list[Any]]:
    """Yield the panels row by row; one that is wide has a row of its own."""
    row: list[Any] = []
    for panel in panels:
        if row and (panel.wide or len(row) == columns):
            yield row
            row = []
        row.append(panel)
        if panel.wide:
            yield row
            row = []
    if row:
        yield row


def _blocks(rows: Sequence[Sequence[Any]]) -> list[list[int]]:
    """Return the rows in blocks that are laid out together: all, or each where they differ.

    One that is wide, or has names beside it, shall not push panels of other rows aside.
    """
    every = list(range(len(rows)))
    kinds = {
        (row[-1].names_at_ends, *sorted({(panel.names_left, panel.wide) for panel in row}))
        for row in rows
    }
    return [[i] for i in every] if len(kinds) > 1 or rows[0][0].wide else [every]


def _of_method(arrays: Mapping[str, np.ndarray], label: str) -> dict[str, np.ndarray]:
    """Return a method's examples: ``x_0``, ``s_0``, which it may share, and ``estimate_0``."""
    common = {name: array for name, array in arrays.items() if "/" not in name}
    prefix = f"{label}/"
    own = {n.removeprefix(prefix): a for n, a in arrays.items() if n.startswith(prefix)}
    return common | own
