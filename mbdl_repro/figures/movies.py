"""Movies of complex frames: the truth, what was observed, and what methods make of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import Field

from mbdl_repro.errors import UserError
from mbdl_repro.figures.images import grey_levels
from mbdl_repro.figures.panel import Sources
from mbdl_repro.figures.tiles import GAP, TiledSpec, draw_columns

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class Spec(TiledSpec):
    """Keys of a panel of movies: of each a frame, and below it the power of all frames.

    Shown are magnitudes, and roots of the mean power: from 0 (black) to the largest of the truth
    (white), of what was observed to its own.
    """

    frame: Annotated[int, Field(ge=0)] = 0
    """Which frame is shown, counted from 0."""

    @property
    def row_height(self) -> float:
        """Height of a row, in sides of a tile: there are two tiles in each."""
        return 2 * (1 + GAP)

    def reduced(self, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return :func:`kept` of these arrays.

        Raises:
            UserError: if movies have no such frame.
        """
        if self.frame >= arrays["s"].shape[1]:
            raise UserError(
                f"panel {self.title!r}: frame is {self.frame}: movies have {arrays['s'].shape[1]}, "
                "counted from 0"
            )
        return kept(arrays, self.frame)


def kept(arrays: Mapping[str, np.ndarray], frame: int) -> dict[str, np.ndarray]:
    """Return what is kept with the rows of stored examples: grey levels of 8 bits.

    Args:
        arrays: movies ``s``, ``x`` and ``estimate`` (n, T, N, N).
        frame: which is shown.

    Returns:
        ``grey_s``, ``grey_x`` and ``grey_estimate``, (n, 2, N, N): the frame, and the power.
    """
    shown = {kind: _magnitudes(movies, frame) for kind, movies in arrays.items()}
    white = {"s": "s", "x": "x", "estimate": "s"}
    return {f"grey_{kind}": _levels(shown[kind], shown[of]) for kind, of in white.items()}


def draw(axes: Axes, spec: Spec, sources: Sources) -> None:
    """Draw the first seed's stored test movies.

    Args:
        axes: what is drawn on.
        spec: the panel's keys.
        sources: each method's examples, as :meth:`Spec.kept` returns them.
    """
    draw_columns(axes, spec, sources, "observed")


def _magnitudes(movies: np.ndarray, frame: int) -> np.ndarray:
    """Return a frame, and the root of the mean power, of movies (n, T, N, N): (n, 2, N, N)."""
    power = np.square(np.abs(movies)).mean(1)
    return np.stack((np.abs(movies[:, frame]), np.sqrt(power)), axis=1)


def _levels(pictures: np.ndarray, white: np.ndarray) -> np.ndarray:
    """Return pictures (n, 2, N, N) as grey levels of the largest of others, each of its own."""
    largest = white.max((2, 3), keepdims=True)
    return grey_levels(pictures / np.maximum(largest, np.finfo(float).tiny))
