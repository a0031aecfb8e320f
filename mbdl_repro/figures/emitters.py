"""Maps of emitters: the truth, the mean frame of the movie, and what methods make of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, ClassVar

import numpy as np
from pydantic import Field

from mbdl_repro.contract.table import N_EXAMPLES
from mbdl_repro.figures.images import FEWEST, GAP, LETTERS, TITLE, WHITE, grey_levels
from mbdl_repro.figures.names import wrapped
from mbdl_repro.figures.panel import PanelSpec, Reads, Sources

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class Spec(PanelSpec):
    """Keys of a panel of maps: each from 0 (black) to its own maximum (white)."""

    reads: ClassVar[Reads] = "examples"
    wide: ClassVar[bool] = True

    methods: Annotated[list[str], Field(min_length=1)]
    """Whose maps are shown, from left to right, after the truth and the mean frame."""
    examples: list[Annotated[int, Field(ge=0, lt=N_EXAMPLES)]] = Field(default=[0], min_length=1)
    """Which of the stored test movies: one below the other."""

    @property
    def wanted(self) -> tuple[str, ...]:
        """What it reads of each method's stored examples."""
        return ("s", "x", "estimate")

    @property
    def n_examples(self) -> int:
        """Up to which of the stored examples it reads them, counted from 1."""
        return max(self.examples) + 1

    def kept(self, examples: Mapping[str, np.ndarray], name: str) -> dict[str, np.ndarray]:
        """Return what it reads of a method's stored examples, as is kept with the rows.

        Args:
            examples: the method's arrays, their names ending in their places: ``estimate_0``.
            name: what messages call the method.

        Raises:
            UserError: if the method stores no such thing.
        """
        found = kept({kind: self.stored(examples, name, kind) for kind in self.wanted})
        return {f"{kind}_{self.place}": array for kind, array in found.items()}

    @property
    def tiles(self) -> tuple[float, float]:
        """Width and height of the panel, in sides of a tile."""
        return max(2 + len(self.methods), FEWEST) * (1 + GAP), TITLE + len(self.examples) * (
            1 + GAP
        )

    def height(self, width: float) -> float:
        """Return the height that a panel takes.

        Args:
            width: of the panel, in inches.

        Returns:
            The height, in inches, with room for the title.
        """
        across, down = self.tiles
        return width * down / across + 0.3


def kept(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return what is kept with the rows of stored examples: grey levels of 8 bits.

    Args:
        arrays: ``s`` and ``estimate`` (n, G, G), and ``x`` (n, T, N, N).

    Returns:
        ``grey_s``, ``grey_estimate``, and ``grey_x``, the mean frames; each of its own maximum.
    """
    maps = {"s": arrays["s"], "x": arrays["x"].mean(1), "estimate": arrays["estimate"]}
    return {f"grey_{kind}": _of_maximum(images) for kind, images in maps.items()}


def draw(axes: Axes, spec: Spec, sources: Sources) -> None:
    """Draw the first seed's stored test movies.

    Args:
        axes: what is drawn on.
        spec: the panel's keys.
        sources: each method's examples, as :meth:`Spec.kept` returns them.
    """
    width, height = spec.tiles
    first = spec.methods[0]
    columns = [("truth", first, "grey_s"), ("mean frame", first, "grey_x")]
    columns += [(spec.look(sources, m).legend, m, "grey_estimate") for m in spec.methods]
    for column, (legend, method, kind) in enumerate(columns):
        left = column * (1 + GAP)
        words = wrapped(legend, LETTERS)
        axes.text(left + 0.5, TITLE - 0.04, words, ha="center", va="bottom", fontsize=7.5)
        stored = spec.stored(sources.examples[method], method, kind)
        for row, example in enumerate(spec.examples):
            top = TITLE + row * (1 + GAP)
            axes.imshow(
                stored[example],
                cmap="gray",
                vmin=0,
                vmax=WHITE,
                extent=(left, left + 1, top + 1, top),
                interpolation="nearest",
            )
    # Drawing an image fits the axes to it.
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)
    axes.set_aspect("equal")
    axes.axis("off")


def _of_maximum(maps: np.ndarray) -> np.ndarray:
    """Return maps (n, side, side) as grey levels of each one's maximum."""
    largest = np.nan_to_num(maps).max((1, 2), keepdims=True)
    return grey_levels(maps / np.maximum(largest, np.finfo(float).tiny))
