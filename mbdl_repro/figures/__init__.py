"""One file a kind of panel; a figure is a row of panels. Figures read tables, compute nothing."""

from __future__ import annotations

import importlib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import BaseModel


@cache
def panel_kinds() -> dict[str, type[BaseModel]]:
    """Return the keys that each kind of panel takes: the class ``Spec`` of its file."""
    stems = sorted(path.stem for path in Path(__file__).parent.glob("*.py"))
    return {
        stem: importlib.import_module(f"mbdl_repro.figures.{stem}").Spec
        for stem in stems
        if stem not in ("__init__", "style", "panel")
    }
