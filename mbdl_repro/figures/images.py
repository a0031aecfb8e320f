"""Test images: the truth, what was observed, and what methods make of it, side by side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, ClassVar

import numpy as np
from pydantic import Field

from mbdl_repro.areas.image_restoration.metrics import psnr_db
from mbdl_repro.contract.scenario import Split
from mbdl_repro.errors import UserError
from mbdl_repro.figures.names import wrapped
from mbdl_repro.figures.panel import Sources, single
from mbdl_repro.figures.tiles import (
    GAP,
    LETTERS,
    TITLE,
    WHITE,
    TiledSpec,
    draw_image,
    draw_names,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NUMBER = 0.17
"""Below each tile, in sides of a tile."""

FRAME = "#e69f00"
"""Colour of the square that is zoomed in."""


class Spec(TiledSpec):
    """Keys of a panel of images: one grey scale, from 0 (black) to 1 (white), for all."""

    optional: ClassVar[frozenset[str]] = frozenset({"kernel"})

    zoom: (
        tuple[Annotated[int, Field(ge=0)], Annotated[int, Field(ge=0)], Annotated[int, Field(ge=1)]]
        | None
    ) = None
    """A square that is shown enlarged below each image: its first row and column, and its side."""
    observation: str | None = None
    """What stands for an observation that is no image, in a few words."""
    kernels: bool = False
    """Show in a corner the kernel that a method has found, where it stores one."""

    @property
    def wanted(self) -> tuple[str, ...]:
        """What it reads of each method's stored examples."""
        return (*super().wanted, "kernel") if self.kernels else super().wanted

    def reduced(self, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return :func:`kept` of these arrays."""
        return kept(arrays)

    @property
    def row_height(self) -> float:
        """Height of a row, in sides of a tile: with its details and numbers."""
        return (1 + GAP) * (1 if self.zoom is None else 2) + NUMBER


def kept(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return what is kept with the rows of stored examples: images as grey levels of 8 bits.

    Args:
        arrays: ``s``, ``x``, ``estimate`` and perhaps ``kernel``.

    Returns:
        ``grey_s``, ``grey_estimate`` and, if observations are images, ``grey_x``, else how many
        numbers each has, ``size_of_x``; the estimates' ``psnr_db``, which grey levels tell no
        more; and perhaps ``kernel``.
    """
    s, x, estimate = (arrays[kind] for kind in ("s", "x", "estimate"))
    found = {"grey_s": grey_levels(s), "grey_estimate": grey_levels(estimate)}
    found |= {"grey_x": grey_levels(x)} if x.ndim == 3 else {"size_of_x": np.array(x[0].size)}
    found["psnr_db"] = single(psnr_db(estimate, Split(x, s), None))  # type: ignore[arg-type]
    return found | ({"kernel": single(arrays["kernel"])} if "kernel" in arrays else {})


def draw(axes: Axes, spec: Spec, sources: Sources) -> None:
    """Draw the first seed's stored test images.

    Args:
        axes: what is drawn on.
        spec: the panel's keys.
        sources: each method's examples, as :meth:`Spec.kept` returns them.
    """
    first = sources.examples[spec.methods[0]]
    legends = [spec.look(sources, method).legend for method in spec.methods]
    draw_names(axes, spec, ["truth", "observed", *legends])
    top = TITLE
    for example in spec.examples:
        s = spec.stored(first, spec.methods[0], "grey_s")[example]
        observed = first.get(f"grey_x_{spec.place}")
        side = len(s)
        if spec.zoom is not None and max(spec.zoom[:2]) + spec.zoom[2] > side:
            raise UserError(
                f"panel {spec.title!r}: zoom {list(spec.zoom)} (row, column, side) does not lie "
                f"inside of an image of {side} × {side} pixels"
            )
        _tile(axes, spec, 0, top, s, "PSNR (dB)", side)
        if observed is not None:
            _tile(axes, spec, 1, top, observed[example], "", side)
        else:
            size = spec.stored(first, spec.methods[0], "size_of_x")
            _words(axes, 1, top, spec.observation or f"{size} numbers")
        for i, name in enumerate(spec.methods):
            stored = sources.examples[name]
            estimate, psnr = (
                spec.stored(stored, name, kind)[example] for kind in ("grey_estimate", "psnr_db")
            )
            _tile(axes, spec, i + 2, top, estimate, f"{psnr:.1f}", side)
            kernel = stored.get(f"kernel_{spec.place}")
            if spec.kernels and kernel is not None:
                draw_kernel(axes, i + 2, top, kernel[example])
        top += spec.row_height


def grey_levels(images: np.ndarray) -> np.ndarray:
    """Return images as a screen shows them, of 256 grey levels: each stands for 1/256 of [0, 1].

    Args:
        images: grey values from 0 (black) to 1 (white), of any shape; what is beyond is cut, and
            what is no number is black.
    """
    return np.clip(np.floor(np.nan_to_num(images) * 256), 0, WHITE).astype(np.uint8)


def _tile(
    axes: Axes,
    spec: Spec,
    column: int,
    top: float,
    image: np.ndarray,
    number: str,
    side: int,
) -> None:
    """Draw one image, its detail below it, and a number below that.

    An image of fewer pixels than the truth, whose side is given, shows the same part of it.
    """
    left = column * (1 + GAP)
    draw_image(axes, left, top, image)
    if spec.zoom is not None:
        shares = [v / side for v in spec.zoom]
        if column == 0:
            _frame(axes, left + shares[1], top + shares[0], shares[2])
        top += 1 + GAP
        row, start, n = (round(share * len(image)) for share in shares)
        draw_image(axes, left, top, image[row : row + n, start : start + n])
    axes.text(left + 0.5, top + 1.03, number, ha="center", va="top", fontsize=8)


def _frame(axes: Axes, left: float, top: float, side: float) -> None:
    from matplotlib.patches import Rectangle

    axes.add_patch(
        Rectangle((left, top), side, side, fill=False, edgecolor=FRAME, linewidth=1.4, zorder=3)
    )


def _words(axes: Axes, column: int, top: float, words: str) -> None:
    left = column * (1 + GAP)
    axes.text(left + 0.5, top + 0.5, wrapped(words, LETTERS), ha="center", va="center", fontsize=8)


def draw_kernel(axes: Axes, column: int, top: float, kernel: np.ndarray) -> None:
    """Draw a kernel in the lower left corner of a tile: white where it is largest.

    Args:
        axes: what is drawn on.
        column: of the tile.
        top: of the tile, in sides of a tile.
        kernel: (a, a).
    """
    left, side = column * (1 + GAP), 0.3
    draw_image(axes, left, top + 1 - side, kernel, side, float(kernel.max()))
    _frame(axes, left, top + 1 - side, side)
