"""Test images that come with the kernel that they were observed with, in a corner."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from mbdl_repro.figures import images
from mbdl_repro.figures.panel import Sources, single
from mbdl_repro.figures.tiles import TITLE

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class Spec(images.Spec):
    """Keys of a panel of images whose observations are planes: an image, and its kernel."""

    def reduced(self, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return :func:`kept` of these arrays."""
        return kept(arrays)


def kept(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return what is kept with the rows of stored examples: images as grey levels of 8 bits.

    Args:
        arrays: ``s`` and ``estimate`` (n, side, side), and ``x``, planes (n, 4, side, side).

    Returns:
        What is kept of images, with the plane of observations for ``x``; and ``told_kernel``.
    """
    found = images.kept(dict(arrays) | {"x": arrays["x"][:, 0]})
    return found | {"told_kernel": single(arrays["x"][:, 1])}


def draw(axes: Axes, spec: Spec, sources: Sources) -> None:
    """Draw the first seed's stored test images, and in each observation its kernel.

    Args:
        axes: what is drawn on.
        spec: the panel's keys.
        sources: each method's examples, as :meth:`Spec.kept` returns them.
    """
    images.draw(axes, spec, sources)
    kernels = spec.stored(sources.examples[spec.methods[0]], spec.methods[0], "told_kernel")
    for row, example in enumerate(spec.examples):
        images.draw_kernel(axes, 1, TITLE + row * spec.row_height, _cut(kernels[example]))


def _cut(kernel: np.ndarray) -> np.ndarray:
    """Return the middle of a plane: the square that holds all of the kernel, and a pixel more."""
    centre = len(kernel) // 2
    reach = max(int(np.abs(np.argwhere(kernel > 0) - centre).max()) + 1, 1)
    return kernel[centre - reach : centre + reach + 1, centre - reach : centre + reach + 1]
