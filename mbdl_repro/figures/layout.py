"""Where the parts of a figure stand: words that fit, and none upon another."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mbdl_repro.figures.names import Cell, finish_names, wrapped, write_names
from mbdl_repro.figures.ticks import GAP, round_ticks, thin_out

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Text
    from matplotlib.transforms import Bbox

HIGHER = 1.06
"""How long what a vertical axis is called may be, over the height of its panel."""
SLACK = 2
"""Pixels by which boxes of words may overlap: they hold room for letters that go deep."""


def lay_out(figure: Figure, rows: Sequence[Sequence[Cell]]) -> None:
    """Give all parts of a figure their places, once for all files that it is written as.

    Args:
        figure: with all panels drawn.
        rows: its panels.
    """
    import matplotlib

    for row in rows:
        for cell in row:
            round_ticks(cell.axes)
        write_names(row)
    if engine := figure.get_layout_engine():
        engine.execute(figure)
        if _fitted(figure, rows):
            engine.execute(figure)
    with matplotlib.rc_context({"figure.constrained_layout.use": False}):
        figure.set_layout_engine(None)  # with none, nothing is laid out again, nor drawn twice
    for row in rows:
        finish_names(row)
        for cell in row:
            if cell.axes.axison:
                thin_out(cell.axes.xaxis)


def _fitted(figure: Figure, rows: Sequence[Sequence[Cell]]) -> bool:
    """Break titles and labels that are longer than their room into lines; return whether any is."""
    changed = False
    for row in rows:
        boxes = [cell.axes.get_window_extent() for cell in row]
        lefts = [0.0, *(_left(cell) for cell in row[1:])]
        for i, cell in enumerate(row):
            axes, box = cell.axes, boxes[i]
            right = lefts[i + 1] - GAP if i + 1 < len(row) else figure.bbox.width - GAP / 2
            changed |= _break(cell.title, right - box.x0, across=True)
            middle = (box.x0 + box.x1) / 2
            room = 2 * min(middle - lefts[i], right - middle)
            changed |= _break(axes.xaxis.label, room, across=True)
            changed |= _break(axes.yaxis.label, HIGHER * box.height, across=False)
    return changed


def _left(cell: Cell) -> float:
    """Return where a panel begins, with the words that belong to it, in pixels."""
    box = cell.axes.get_tightbbox(for_layout_only=True)
    return float(cell.axes.get_window_extent().x0 if box is None else box.x0)


def _break(text: Text, room: float, *, across: bool) -> bool:
    """Break a text into lines of so many pixels; return whether that changes it."""
    words = text.get_text()
    if not words or "\n" in words:
        return False
    box = text.get_window_extent()
    length = box.width if across else box.height
    if length <= room:
        return False
    text.set_text(wrapped(words, max(8, int(0.97 * len(words) * room / length))))
    return text.get_text() != words


# What a reader would trip over -------------------------------------------------------------------


def text_boxes(figure: Figure) -> list[tuple[str, Bbox]]:
    """Return all words of a figure, each with its box in pixels.

    Args:
        figure: with all its parts in their places.
    """
    from matplotlib.text import Text

    figure.draw_without_rendering()  # legends place their words when they are drawn
    hidden = {id(label) for axes in figure.axes for label in _not_shown(axes)}
    return [
        (text.get_text(), text.get_window_extent())
        for text in figure.findobj(Text)
        if text.get_visible() and text.get_text().strip() and id(text) not in hidden
    ]


def clashes(figure: Figure) -> list[str]:
    """Return what is wrong with a figure's words: those that overlap, or leave the canvas.

    Args:
        figure: with all its parts in their places.
    """
    boxes, found = text_boxes(figure), []
    canvas = figure.bbox
    for words, box in boxes:
        inside = min(box.x0 - canvas.x0, box.y0 - canvas.y0, canvas.x1 - box.x1, canvas.y1 - box.y1)
        if inside < -SLACK / 2:
            found.append(f"{words!r} leaves the canvas")
    for (one, a), (other, b) in itertools.combinations(boxes, 2):
        across = min(a.x1, b.x1) - max(a.x0, b.x0)
        down = min(a.y1, b.y1) - max(a.y0, b.y0)
        if min(across, down) > SLACK:
            found.append(f"{one!r} overlaps {other!r}")
    return found


def _not_shown(axes: Axes) -> list[Any]:
    """Return the labels of ticks that lie outside of a panel, which are not drawn."""
    from matplotlib.text import Text

    found = []
    for axis in (axes.xaxis, axes.yaxis):
        if not axes.axison:
            found += axis.findobj(Text)
            continue
        low, high = sorted(axis.get_view_interval())
        slack = 1e-6 * (high - low)
        for tick in [*axis.get_major_ticks(), *axis.get_minor_ticks()]:
            if not low - slack <= tick.get_loc() <= high + slack:
                found += [tick.label1, tick.label2]
    return found
