"""What rows are called, where they are drawn: beside the ends of lines, or under a panel."""

from __future__ import annotations

import dataclasses
import math
import re
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D
    from matplotlib.text import Annotation, Text
    from matplotlib.transforms import Bbox

    from mbdl_repro.figures.panel import PanelSpec

ENTRIES = 10
"""Names that a panel has at most: of more, nobody finds theirs."""
LETTERS = 24
"""Of a line of a name beside a panel."""
SAMPLE = (10.0, 29.0)
"""Where the sample of a line begins and ends, in points right of the panel; then its name."""
NEAR = 0.8
"""Share of a panel's width from which on a line's end is led to its name."""
ABOVE, BELOW = 6.0, 24.0
"""How far names beside a panel may reach beyond it, in points."""

TOGETHER = r"(?<=\d) (?=\d{3})| (?== )|(?<= =) |(?<=\+) |(?<=\b\w) (?=\w)"
"""Spaces at which no line ends: 70 010 is one number, F = 0.9 one setting, a plus belongs to what
it adds, and a letter to what is said of it, as in V tuned."""


@dataclasses.dataclass
class Cell:
    """A panel of a figure's grid."""

    axes: Axes
    spec: PanelSpec
    inches: float
    """How wide it is, with all that belongs to it."""
    title: Text
    beside: list[tuple[Line2D, Annotation]] = dataclasses.field(default_factory=list)
    """Its lines, and their names beside it."""


def wrapped(words: str, letters: int) -> str:
    """Return words in as few lines of so many letters as can be, of about the same length.

    Args:
        words: a name, a title or a label.
        letters: of a line, at most; a longer word stands alone.
    """
    if "$" in words:  # a formula is not cut
        return words
    words = re.sub(TOGETHER, "\N{NO-BREAK SPACE}", words)
    lines = _lines(words, letters)
    while len(lines) > 1:
        narrower = _lines(words, max(*map(len, lines), 2) - 1)
        if len(narrower) > len(lines) or narrower == lines:
            break
        lines = narrower
    return "\n".join(lines)


def _lines(words: str, letters: int) -> list[str]:
    return textwrap.wrap(words, letters, break_long_words=False, break_on_hyphens=False)


def entries(axes: Axes) -> dict[str, Any]:
    """Return what is drawn on a panel by its name, in the order of the continuum.

    Args:
        axes: the panel, drawn.
    """
    found: dict[str, Any] = {}
    for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
        found.setdefault(label, handle)
    return dict(sorted(found.items(), key=lambda item: getattr(item[1], "mbdl_order", -1)))


def under(names: Sequence[str], inches: float) -> tuple[int, list[str], int]:
    """Return how names are set under a panel: of two columns where all of them are short.

    Args:
        names: of its rows.
        inches: the panel's width.

    Returns:
        The number of columns, the names in lines, and how many lines they take in all.
    """
    import matplotlib

    size = matplotlib.rcParams["legend.fontsize"]
    room, handle = inches * 72 - 12, 4.6 * size
    of_two = int((room / 2 - handle) / (0.6 * size))
    columns = 2 if len(names) > 1 and max(map(len, names)) <= of_two else 1
    letters = of_two if columns == 2 else int((room - handle) / (0.58 * size))
    set_names = [wrapped(name, letters) for name in names]
    lines = sum(1 + name.count("\n") for name in set_names)
    return columns, set_names, -(-lines // columns)


def write_names(row: Sequence[Cell]) -> None:
    """Write the names of a row of panels, where the layout can make room for them.

    The last panel of lines has them beside it, at the ends of its lines; others have a legend under
    each. Panels of lines and of dots leave out what one right of them names.

    Args:
        row: the panels, from left to right, drawn.
    """
    named: set[str] = set()
    for i, cell in reversed(list(enumerate(row))):
        found = entries(cell.axes)
        if cell.spec.names_at_ends and i == len(row) - 1:
            cell.beside = [(line, _beside(cell.axes, name)) for name, line in found.items()]
            named |= set(found)
            continue
        if cell.spec.names_at_ends or cell.spec.names_left:
            found = {name: line for name, line in found.items() if name not in named}
        if cell.spec.names_left:
            named |= set(found)
        if found:
            _legend_under(cell, found)


def finish_names(row: Sequence[Cell]) -> None:
    """Move names beside a panel to the heights of their lines, one above the other.

    Args:
        row: the panels, after they were given their places.
    """
    for cell in row:
        if cell.beside:
            _spread(cell)


def _beside(axes: Axes, name: str) -> Annotation:
    import matplotlib

    return axes.annotate(
        wrapped(name, LETTERS),
        xy=(1, 0.5),
        xycoords="axes fraction",
        xytext=(SAMPLE[1] + 4, 0),
        textcoords="offset points",
        va="center",
        ha="left",
        linespacing=1.0,
        fontsize=matplotlib.rcParams["legend.fontsize"],
        annotation_clip=False,
    )


def _legend_under(cell: Cell, found: dict[str, Any]) -> None:
    """Draw a legend under a panel, and under what its axis is called."""
    import matplotlib
    from matplotlib.transforms import ScaledTranslation

    axes = cell.axes
    columns, names, _ = under(list(found), cell.inches)
    label = axes.xaxis.label
    lines = 1 + label.get_text().count("\n") if label.get_text() else 0
    below = 1.1 * matplotlib.rcParams["font.size"] * (1 + 1.15 * lines) + 11
    figure = axes.figure
    down = ScaledTranslation(0, -below / 72, figure.dpi_scale_trans)
    axes.legend(
        list(found.values()),
        names,
        loc="upper right" if cell.spec.names_left else "upper center",
        bbox_to_anchor=(1.0, 0.0) if cell.spec.names_left else (0.5, 0.0),
        bbox_transform=axes.transAxes + down,
        borderaxespad=0,
        borderpad=0,
        ncols=columns,
    )


def _spread(cell: Cell) -> None:
    """Give names heights in the order of the ends of lines, and lead each line to its own."""
    axes = cell.axes
    box = axes.get_window_extent()
    point = axes.figure.dpi / 72  # pixels
    sizes = [text.get_window_extent().height + 2 * point for _, text in cell.beside]
    ends = [_end(line, box) for line, _ in cell.beside]
    order = sorted(range(len(ends)), key=lambda i: (ends[i][1], -i), reverse=True)
    heights = _apart(
        [ends[i][1] for i in order],
        [sizes[i] for i in order],
        box.y0 - BELOW * point,
        box.y1 + ABOVE * point,
    )
    for i, y in zip(order, heights, strict=True):
        line, text = cell.beside[i]
        level = (y - box.y0) / box.height
        text.xy = (1, level)
        places = [1 + points * point / box.width for points in (SAMPLE[0] - 1, *SAMPLE)]
        end = ((ends[i][0] - box.x0) / box.width, (ends[i][1] - box.y0) / box.height)
        _sample(axes, line, places, level, end)


def _sample(
    axes: Axes, line: Line2D, places: Sequence[float], level: float, end: tuple[float, float]
) -> None:
    """Draw a piece of a line before its name, and lead the line's end there if it is near.

    Args:
        axes: the panel, of which all places are shares of width and height.
        line: whose sample it is.
        places: where the lead ends, and the sample begins and ends.
        level: the name's height.
        end: of the line.
    """
    from matplotlib.lines import Line2D

    lead, begin, stop = places
    words: dict[str, Any] = {
        "transform": axes.transAxes,
        "clip_on": False,
        "color": line.get_color(),
        "gid": "sample",
        "label": "_",
    }
    alike = ("marker", "linewidth", "markersize", "markeredgecolor", "markeredgewidth")
    axes.plot(
        [begin, (begin + stop) / 2, stop],
        [level] * 3,
        markevery=[1],
        linestyle=getattr(line, "mbdl_dashes", line.get_linestyle()),
        markerfacecolor=line.get_markerfacecolor(),
        scalex=False,
        scaley=False,
        **{name: getattr(line, f"get_{name}")() for name in alike},
        **words,
    )
    if end[0] > NEAR:
        words |= {"linewidth": 0.6, "alpha": 0.7, "zorder": 1.5}
        axes.add_artist(Line2D([end[0], lead], [end[1], level], **words))


def _end(line: Line2D, box: Bbox) -> tuple[float, float]:
    """Return where a line ends inside its panel's box, in pixels; without an end, lowest."""
    import numpy as np

    points = np.asarray(line.get_transform().transform(line.get_xydata()))
    points = points[np.isfinite(points).all(1)] if len(points) else points
    if not len(points):
        return -math.inf, box.y0
    x, y = points[-1]
    return float(x), float(min(max(y, box.y0), box.y1))


def _apart(wanted: Sequence[float], sizes: Sequence[float], low: float, high: float) -> list[float]:
    """Return heights near those that are wanted, from the highest down, so that none overlap.

    Names that would overlap are put into one block at the mean of where they would be.

    Args:
        wanted: centres, from the highest down, in pixels.
        sizes: height of each, in pixels.
        low: end of the room.
        high: its beginning.
    """
    blocks: list[list[int]] = []

    def centre(block: list[int]) -> float:
        size = sum(sizes[i] for i in block)
        mean = sum(wanted[i] for i in block) / len(block)
        return min(max(mean, low + size / 2), high - size / 2)

    def edge(block: list[int], side: int) -> float:
        return centre(block) + side * sum(sizes[i] for i in block) / 2

    for i in range(len(wanted)):
        blocks.append([i])
        while len(blocks) > 1 and edge(blocks[-1], 1) > edge(blocks[-2], -1):
            last = blocks.pop()
            blocks[-1] += last
    found = []
    for block in blocks:
        top = edge(block, 1)
        for i in block:
            found.append(top - sizes[i] / 2)
            top -= sizes[i]
    return found
