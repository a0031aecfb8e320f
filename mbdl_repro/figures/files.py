"""The bytes of a figure as a file: the same whenever it is the same figure."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMATS: Mapping[str, Sequence[str]] = {
    "png": (),
    "pdf": ("CreationDate", "Producer", "Creator"),
    "svg": ("Date", "Creator"),
}
"""Kinds of file, and what each would say of the moment and the program unless it is left out."""


def to_bytes(figure: Figure, suffix: str) -> bytes:
    """Return the figure as a file's content, the same bytes whenever it is the same figure.

    Args:
        figure: with all panels drawn.
        suffix: ``png``, ``pdf`` or ``svg``.
    """
    buffer = io.BytesIO()
    if suffix == "png":
        figure.savefig(buffer, format="png", pil_kwargs={"compress_level": 0})
        return _of_256_colours(buffer)
    figure.savefig(buffer, format=suffix, metadata=dict.fromkeys(FORMATS[suffix]))
    return buffer.getvalue()


def _of_256_colours(png: io.BytesIO) -> bytes:
    """Return a picture with a palette of its own: less than half the bytes, the same to the eye.

    Of more than 256 colours, most are off by one of 255 levels, and the rarest, where edges of
    lines and bands mix, by some ten.
    """
    from PIL import Image

    image = Image.open(png)
    # From colours that lie far apart, so that one of few pixels is among them, towards those of
    # many, until fewer than so many pixels change their colour.
    fewer = image.convert("RGB").quantize(
        256, method=Image.Quantize.MAXCOVERAGE, kmeans=1000, dither=Image.Dither.NONE
    )
    buffer = io.BytesIO()
    fewer.save(buffer, "png", dpi=image.info["dpi"])
    return buffer.getvalue()
