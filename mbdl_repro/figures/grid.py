"""A figure as a grid of panels: how many stand in a row, and how high each row is."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from mbdl_repro.figures import draw_panel
from mbdl_repro.figures.dots import NAME, shades_of
from mbdl_repro.figures.layout import lay_out
from mbdl_repro.figures.names import LETTERS, Cell, under, wrapped
from mbdl_repro.figures.style import RC

if TYPE_CHECKING:
    from matplotlib.figure import Figure, SubFigure

    from mbdl_repro.figures.panel import Sources

PANEL_INCHES = (3.8, 2.9)
ALONE_INCHES = 5.6
"""Width of a figure of one column."""
LINE_INCHES, HEAD_INCHES = 0.165, 1.0
"""Height of a line of words, and of a panel's title and axis."""


def figure_of(panels: Sequence[Any], columns: int | None, sources: Sources) -> Figure:
    """Return a figure of panels, each part in its place.

    Args:
        panels: what each shows, in the order of the file.
        columns: of panels; two if not given, or one for one panel.
        sources: what the panels read.

    Returns:
        The figure, in matplotlib's settings of the moment.
    """
    import matplotlib
    from matplotlib import pyplot as plt

    columns = columns or min(len(panels), 2)
    larger = matplotlib.rcParams["font.size"] / RC["font.size"]
    cell = larger * (PANEL_INCHES[0] if columns > 1 else ALONE_INCHES)
    width = cell * columns
    rows = list(_rows(panels, columns))
    heights = [
        row[0].height(width) if row[0].wide else larger * _height(row, sources, cell / larger)
        for row in rows
    ]
    figure = plt.figure(figsize=(width, sum(heights)))
    blocks = _blocks(rows)
    cells = []
    for part, block in zip(_parts(figure, blocks, heights), blocks, strict=True):
        wide = rows[block[0]][0].wide
        across, inches = (1, width) if wide else (columns, cell)
        grid = part.add_gridspec(len(block), across, height_ratios=[heights[i] for i in block])
        for i, row in enumerate(rows[k] for k in block):
            # What is left of a row is the last panel's.
            places = [
                grid[i, j:] if panel is row[-1] else grid[i, j] for j, panel in enumerate(row)
            ]
            made = []
            for panel, place in zip(row, places, strict=True):
                axes = part.add_subplot(place)
                made.append(Cell(axes, panel, inches, draw_panel(axes, panel, sources)))
            _share_names(made)
            cells.append(made)
    lay_out(figure, cells)
    return figure


def _share_names(row: Sequence[Cell]) -> None:
    """Leave out the names left of a panel where the one left of it has the same."""
    for left, right in itertools.pairwise(row):
        both: list[Any] = [left.spec, right.spec]
        if all(spec.names_left for spec in both) and both[0].methods == both[1].methods:
            right.axes.tick_params(axis="y", labelleft=False)


def _parts(
    figure: Figure, blocks: Sequence[Sequence[int]], heights: Sequence[float]
) -> Sequence[Figure | SubFigure]:
    """Return the part of a figure that each block of rows is laid out in."""
    if len(blocks) == 1:
        return [figure]
    inches = [sum(heights[i] for i in block) for block in blocks]
    parts = figure.subfigures(len(blocks), 1, height_ratios=inches, squeeze=False)
    return list(parts[:, 0])


def _height(row: Sequence[Any], sources: Sources, inches: float) -> float:
    """Return how high a row of panels is, in inches on a page."""
    bodies = [_body(panel, panel is row[-1], sources) for panel in row]
    return max(bodies) + LINE_INCHES * max(_lines_under(p, row[-1], sources, inches) for p in row)


def _body(panel: Any, last: bool, sources: Sources) -> float:
    """Return the height of a panel, with its title and axis, so that its names have room."""
    if panel.names_left:
        names = [sources.styles[name].legend for name in panel.methods]
        lines = [1 + wrapped(name, NAME).count("\n") for name in names]
        # Room for the words of neighbours, and for the intervals of rows whose names are short.
        shades = [] if panel.shades is None else shades_of(panel.shades, sources)
        least = max(4, len(shades) + 1) if shades else 3
        each = max((max(a + b, least) / 2 for a, b in itertools.pairwise(lines)), default=1.5)
        return HEAD_INCHES + LINE_INCHES * 1.06 * each * len(lines)
    if panel.names_at_ends and last:
        names = [sources.styles[name].legend for name in panel.chosen(sources)]
        high = sum(1.1 + wrapped(name, LETTERS).count("\n") for name in names)
        return max(PANEL_INCHES[1], HEAD_INCHES - 0.3 + LINE_INCHES * (high + panel.printed))
    return PANEL_INCHES[1]


def _lines_under(panel: Any, last: Any, sources: Sources, inches: float) -> int:
    """Return how many lines the legend under a panel has, at most."""
    if panel.names_left:
        bounds = len(sources.styles) - len(sources.examples)
        bounds = bounds if panel.bounds is None else len(panel.bounds)
        if panel.shades is not None:
            bounds += len(shades_of(panel.shades, sources))
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
