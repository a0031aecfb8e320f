"""A figure with what is said of it."""

from __future__ import annotations

import dataclasses
import struct
from pathlib import Path

from mbdl_repro.store.paths import Store
from mbdl_repro.store.records import read_checked

SHOWN = 0.6
"""Of a figure's pixels, as many is it wide on a page: figures are drawn for fine screens."""


@dataclasses.dataclass(frozen=True)
class Figure:
    """A figure, as a PNG."""

    path: Path
    width: int
    """At which it is shown, in pixels."""
    height: int
    alt: str
    """What it shows, for those who do not see it."""
    caption: str


def figure_of(path: Path, alt: str, caption: str) -> Figure:
    """Return a figure.

    Args:
        path: of its PNG.
        alt: what it shows.
        caption: the text under it.
    """
    width, height = struct.unpack(">II", read_checked(path)[16:24])
    return Figure(path, round(SHOWN * width), round(SHOWN * height), alt, caption)


def figure_files(name: str, store: Store) -> dict[str, Path]:
    """Return the files of a figure, by what they are.

    Args:
        name: of its experiment or comparison.
        store: where they lie.
    """
    return {f"figure ({kind.upper()})": store.figure(name, kind) for kind in store.figure_formats}
