"""Maps of emitters: the truth, the mean frame of the movie, and what methods make of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from mbdl_repro.figures.images import grey_levels
from mbdl_repro.figures.panel import Sources
from mbdl_repro.figures.tiles import TiledSpec, draw_columns

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class Spec(TiledSpec):
    """Keys of a panel of maps: each from 0 (black) to its own maximum (white)."""

    def reduced(self, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return :func:`kept` of these arrays."""
        return kept(arrays)


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
    draw_columns(axes, spec, sources, "mean frame")


def _of_maximum(maps: np.ndarray) -> np.ndarray:
    """Return maps (n, side, side) as grey levels of each one's maximum."""
    largest = np.nan_to_num(maps).max((1, 2), keepdims=True)
    return grey_levels(maps / np.maximum(largest, np.finfo(float).tiny))
