"""One style for all figures: a colour a family, a marker a method, bounds dashed grey."""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from mbdl_repro.contract.family import Family

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

# Hues that the colour-blind tell apart (after Okabe and Ito, and Tol), of differing lightness so
# that they part in grey too. Families that are never far apart on the continuum share a hue.
COLOURS = {
    Family.MODEL_BASED: "#222222",
    Family.GENERATIVE_LEARNING: "#009e73",
    Family.DISCRIMINATIVE_LEARNING: "#56b4e9",
    Family.LEARNED_OPTIMIZATION: "#e69f00",
    Family.UNFOLDED_HYPERPARAMETERS: "#cc79a7",
    Family.UNFOLDED_OBJECTIVE: "#d55e00",
    Family.UNFOLDED_NETWORK: "#882255",
    Family.DNN_AIDED_PRIOR: "#44aa99",
    Family.DNN_AIDED_INFERENCE: "#0072b2",
    Family.NEURAL_AUGMENTATION: "#332288",
    Family.DEEP_LEARNING: "#7a7a00",
    Family.BOUND: "#808080",
}
MODEL_BASED_GREYS = ("#222222", "#6a6a6a", "#444444", "#9c9c9c")
"""Of model-based methods, which have no hue: beside dash and marker, their grey parts them."""
SHADES = (0.0, -0.42, 0.36, -0.66)
"""Of a family's colour, one a method: its share of white, or, below 0, of black."""
BEHIND = 0.5
"""Share of white of what stands behind the rows that carry a panel's message."""
TARGET = "#b0b0b0"
"""Colour of what is to be found: signals, states, and the angles of sources."""
RULE = "#888888"
"""Colour of lines that mark a zero or a limit."""
OF_ALL = "#444444"
"""Colour of the mark that stands in a legend for those of all methods."""
MARKS = 8
"""How many marks a line of very many points has: more of them would hide it."""
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p", "h", "*")
LINES: tuple[Any, ...] = (
    "-",
    (0, (5, 1, 1, 1)),
    (0, (3, 1)),
    (0, (1, 1)),
    (0, (5, 1, 1, 1, 1, 1)),
    (0, (6, 3)),
)
BOUND_LINES = ((0, (6, 2)), (0, (2, 2)), (0, (8, 2, 2, 2)), (0, (1, 2)))

RC: Any = {
    "figure.dpi": 200,
    "savefig.dpi": 200,
    "figure.constrained_layout.use": True,
    "figure.constrained_layout.h_pad": 0.06,
    "figure.constrained_layout.w_pad": 0.06,
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titley": 1.0,
    "axes.labelsize": 9,
    "axes.grid": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.5,
    "lines.markersize": 5.5,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "legend.handlelength": 2.4,
    "legend.columnspacing": 1.2,
    "pdf.fonttype": 42,
    "svg.hashsalt": "mbdl-repro",
}
TALK = 1.5
"""How much larger letters, marks and lines are on a slide."""
STYLES: Mapping[str, Any] = {
    "paper": RC,
    "talk": RC
    | {
        key: RC[key] * TALK
        for key in (
            "font.size",
            "axes.titlesize",
            "axes.labelsize",
            "legend.fontsize",
            "grid.linewidth",
            "lines.linewidth",
            "lines.markersize",
        )
    },
}
"""The settings of matplotlib by what a figure is for: a page, or a slide."""


@dataclasses.dataclass(frozen=True)
class RowStyle:
    """How a method or bound looks wherever it is drawn."""

    legend: str
    colour: str
    hue: str
    """Of its family, whose methods are shades of it."""
    marker: str | None
    line: Any
    order: int
    weight: Literal["plain", "front", "behind"] = "plain"
    """Whether it carries a panel's message, or stands behind those that do."""

    @property
    def plain(self) -> RowStyle:
        """How it looks where shade and mark tell of other things than of methods."""
        return dataclasses.replace(self, colour=self.hue, marker="o")

    @property
    def line_words(self) -> dict[str, Any]:
        """Return the words that matplotlib's ``plot`` takes."""
        import matplotlib

        scale = matplotlib.rcParams["lines.linewidth"] / RC["lines.linewidth"]
        # Lines that coincide lie in each other, the thinner on top; bounds on top of all.
        width = 1.2 if self.marker is None else max(1.3, 2.2 - 0.15 * self.order)
        if self.marker is not None:
            width = {"plain": width, "front": max(width, 2.0), "behind": 1.2}[self.weight]
        layer = {"plain": 3.0, "front": 3.5, "behind": 2.5}[self.weight]
        return {
            "label": self.legend,
            "color": self.colour,
            "marker": self.marker,
            "linestyle": self.line,
            "markeredgecolor": "white",
            "markeredgewidth": 0.6 * scale,
            "linewidth": width * scale,
            "zorder": layer + 0.01 * self.order,
        }

    def seen(self, name: str, focus: Sequence[str] | None) -> RowStyle:
        """Return how it looks in a panel of which some rows carry the message.

        Args:
            name: its label in the experiment.
            focus: labels of those that carry it; ``None`` where all are alike.
        """
        if focus is None:
            return self
        if name in focus:
            return dataclasses.replace(self, weight="front")
        return dataclasses.replace(self, weight="behind", colour=blend(self.colour, BEHIND))


def row_styles(families: Mapping[str, Family], legends: Mapping[str, str]) -> dict[str, RowStyle]:
    """Give each row its style: by family first, then told apart within the family.

    Args:
        families: family of each method and bound, in the order of the experiment file.
        legends: how each is called in legends.

    Returns:
        Styles by name, in the order of the continuum, bounds last.
    """
    ordered = sorted(families, key=lambda name: families[name].rank)
    styles: dict[str, RowStyle] = {}
    taken: set[str] = set()
    seen: dict[Family, int] = {}
    for order, name in enumerate(ordered):
        family = families[name]
        nth = seen.get(family, 0)
        seen[family] = nth + 1
        is_bound = family is Family.BOUND
        marker = None if is_bound else _marker(name, taken)
        lines = BOUND_LINES if is_bound else LINES
        styles[name] = RowStyle(
            legend=legends.get(name, name.replace("_", " ")),
            colour=_shade(family, nth),
            hue=COLOURS[family],
            marker=marker,
            line=lines[nth % len(lines)],
            order=order,
        )
    return styles


def draw_row(axes: Axes, x: Any, y: Any, style: RowStyle, **words: Any) -> Line2D:
    """Draw a line of a row.

    Args:
        axes: what is drawn on.
        x: (n,), in the horizontal axis's unit.
        y: (n,), in the vertical axis's unit.
        style: of the row.
        words: what matplotlib's ``plot`` takes, in place of what the style says.

    Returns:
        The line.
    """
    (line,) = axes.plot(x, y, **style.line_words | words)
    return of_row(line, style)


def of_row(line: Line2D, style: RowStyle) -> Line2D:
    """Note on a line what matplotlib does not keep: its row's order, and its dashes.

    Args:
        line: drawn in the style of a row.
        style: of the row.

    Returns:
        The line.
    """
    line.mbdl_order = style.order  # type: ignore[attr-defined]
    # Of all dashes, matplotlib keeps that they are some, and scales them to the width.
    plain = line.get_linestyle() in ("-", "None")
    line.mbdl_dashes = line.get_linestyle() if plain else style.line  # type: ignore[attr-defined]
    return line


def _marker(name: str, taken: set[str]) -> str:
    """Return the method's own marker, or the next that no other in this figure has taken."""
    start = zlib.crc32(name.encode()) % len(MARKERS)
    turned = MARKERS[start:] + MARKERS[:start]
    marker = next((m for m in turned if m not in taken), turned[0])
    taken.add(marker)
    return marker


def _shade(family: Family, nth: int) -> str:
    """Return the colour of a family's nth method; bounds part by their dashes alone."""
    if family is Family.MODEL_BASED:
        return MODEL_BASED_GREYS[nth % len(MODEL_BASED_GREYS)]
    if family is Family.BOUND:
        return COLOURS[family]
    return blend(COLOURS[family], SHADES[nth % len(SHADES)])


def blend(colour: str, share: float) -> str:
    """Blend a colour with white, or, of a share below 0, with black.

    Args:
        colour: as ``#rrggbb``.
        share: of white, from 0 to 1, or, below 0, of black.
    """
    parts = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    end = 255 if share > 0 else 0
    return "#" + "".join(f"{round(p + (end - p) * abs(share)):02x}" for p in parts)
