"""Tables that were made, or what to run to make them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mbdl_repro.errors import UserError
from mbdl_repro.store.records import read_table

if TYPE_CHECKING:
    import pandas as pd


def made_table(path: Path, name: str, scale: str = "full") -> pd.DataFrame:
    """Return a table of an experiment or a comparison.

    Args:
        path: where it lies.
        name: of the experiment or comparison.
        scale: name of the scale that it is of.

    Raises:
        UserError: it is missing, and which command makes it; or it is damaged.
    """
    stop_unless_made(path, name, scale)
    return read_table(path)


def stop_unless_made(path: Path, name: str, scale: str = "full") -> None:
    """Say which command makes a file that is missing.

    Args:
        path: where it should lie.
        name: of the experiment or comparison that it is of.
        scale: name of the scale that it is of.

    Raises:
        UserError: it is missing.
    """
    if not path.exists():
        at_scale = "" if scale == "full" else f" --scale {scale}"
        raise UserError(f"{path} is missing: `mbdl run {name}{at_scale}` makes it")
