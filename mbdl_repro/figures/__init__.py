"""One file a kind of panel; a figure is a row of panels. Figures read tables, compute nothing."""

from __future__ import annotations

import importlib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.text import Text
    from pydantic import BaseModel

    from mbdl_repro.figures.panel import PanelSpec, Sources

SHARED = (
    *("__init__", "files", "grid", "intervals", "layout", "metric", "names"),
    *("over", "panel", "style", "ticks", "tiles"),
)
"""Files that are no kind of panel, but what kinds have in common."""


@cache
def panel_kinds() -> dict[str, type[BaseModel]]:
    """Return the keys that each kind of panel takes: the class ``Spec`` of its file."""
    stems = sorted(path.stem for path in Path(__file__).parent.glob("*.py"))
    return {
        stem: importlib.import_module(f"mbdl_repro.figures.{stem}").Spec
        for stem in stems
        if stem not in SHARED
    }


def draw_panel(axes: Axes, panel: PanelSpec, sources: Sources) -> Text:
    """Draw a panel of any kind, under its title.

    Args:
        axes: to draw it on.
        panel: what it shows.
        sources: what it may read.

    Returns:
        The title.
    """
    importlib.import_module(type(panel).__module__).draw(axes, panel, sources)
    return axes.set_title(panel.title)
