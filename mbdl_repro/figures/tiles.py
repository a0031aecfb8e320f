"""Panels of pictures in rows: what is asked of them, and how much room they take."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

import numpy as np
from pydantic import Field

from mbdl_repro.contract.table import N_EXAMPLES
from mbdl_repro.figures.names import wrapped
from mbdl_repro.figures.panel import PanelSpec, Reads, Sources

if TYPE_CHECKING:
    from matplotlib.axes import Axes

GAP, TITLE = 0.05, 0.5
"""Between tiles, and above them, in sides of a tile."""

FEWEST = 6
"""Tiles that a row has room for, at least: fewer would be larger than anyone needs."""

LETTERS = 15
"""Of a line of words above a tile, or in its place."""

WHITE = 255
"""The grey level of white; that of black is 0."""


class TiledSpec(PanelSpec):
    """Keys of a panel whose rows are test examples: the truth, what was observed, and estimates."""

    reads: ClassVar[Reads] = "examples"
    wide: ClassVar[bool] = True

    methods: Annotated[list[str], Field(min_length=1)]
    """Whose estimates are shown, from left to right, after truth and observation."""
    examples: list[Annotated[int, Field(ge=0, lt=N_EXAMPLES)]] = Field(default=[0], min_length=1)
    """Which of the stored test examples: one below the other."""

    @property
    def wanted(self) -> tuple[str, ...]:
        """What it reads of each method's stored examples."""
        return ("s", "x", "estimate")

    @property
    def n_examples(self) -> int:
        """Up to which of the stored examples it reads them, counted from 1."""
        return max(self.examples) + 1

    @property
    def row_height(self) -> float:
        """Height of a row, in sides of a tile."""
        return 1 + GAP

    @property
    def tiles(self) -> tuple[float, float]:
        """Width and height of the panel, in sides of a tile."""
        across = max(2 + len(self.methods), FEWEST) * (1 + GAP)
        return across, TITLE + len(self.examples) * self.row_height

    def height(self, width: float) -> float:
        """Return the height that a panel takes.

        Args:
            width: of the panel, in inches.

        Returns:
            The height, in inches, with room for the title.
        """
        across, down = self.tiles
        return width * down / across + 0.3


def draw_names(axes: Axes, spec: TiledSpec, names: list[str]) -> None:
    """Make room for all tiles, and name the columns.

    Args:
        axes: what is drawn on.
        spec: the panel's keys.
        names: of the columns, from left to right.
    """
    width, height = spec.tiles
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)
    axes.set_aspect("equal")
    axes.axis("off")
    for i, name in enumerate(names):
        x = i * (1 + GAP) + 0.5
        words = wrapped(name, LETTERS)
        axes.text(x, TITLE - 0.04, words, ha="center", va="bottom", fontsize=7.5)


def draw_columns(axes: Axes, spec: TiledSpec, sources: Sources, observed: str) -> None:
    """Draw a column of the truth, one of what was observed, and one of each method.

    Args:
        axes: what is drawn on.
        spec: the panel's keys.
        sources: each method's examples: ``grey_s``, ``grey_x`` and ``grey_estimate``, grey levels
            (n, side, side), or (n, k, side, side) of k tiles one below the other.
        observed: what the second column is called.
    """
    first = spec.methods[0]
    columns = [("truth", first, "grey_s"), (observed, first, "grey_x")]
    columns += [(spec.look(sources, m).legend, m, "grey_estimate") for m in spec.methods]
    draw_names(axes, spec, [legend for legend, _, _ in columns])
    for column, (_, method, kind) in enumerate(columns):
        stored = spec.stored(sources.examples[method], method, kind)
        for row, example in enumerate(spec.examples):
            top = TITLE + row * spec.row_height
            for tile in stored[example].reshape(-1, *stored.shape[-2:]):
                draw_image(axes, column * (1 + GAP), top, tile)
                top += 1 + GAP


def draw_image(
    axes: Axes, left: float, top: float, image: np.ndarray, side: float = 1.0, white: float = WHITE
) -> None:
    """Draw an image of grey levels as a square.

    Args:
        axes: what is drawn on.
        left: where it begins, in sides of a tile.
        top: likewise.
        image: grey levels (rows, columns).
        side: of the square.
        white: the level that is white.
    """
    axes.imshow(
        image,
        cmap="gray",
        vmin=0.0,
        vmax=white,
        extent=(left, left + side, top + side, top),
        interpolation="nearest",
    )
    # Drawing an image fits the axes to it.
    axes.set_aspect("equal")
