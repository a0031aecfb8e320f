"""Names of files that a run makes others from: experiments, and the folders of scales."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from mbdl_repro.errors import UserError

LONGEST_NAME = 100
"""Characters of an experiment's name, from which longer names of files are made."""

TAKEN = (".damaged", ".examples", ".history", ".record", ".seeds", ".tmp", ".weights")
"""Endings that names of its files have before their last one."""

INSIDE = ("bounds", "cache", "data", "logs", "models", "scores", "tables", "verdicts", "weights")
"""Folders that a scale's results lie in."""


def experiments(folder: Path) -> list[str]:
    """Return the names of all experiments: the files of the folder, in the book's order.

    What editors leave beside a file that is open is passed over.

    Raises:
        UserError: if a file seems to be meant for one and is not, or two would share files.
    """
    found = sorted(path for path in folder.glob("*.y*ml") if not path.name.startswith(".#"))
    for path in found:
        if path.suffix == ".yml":
            raise UserError(f"{path}: experiments end in .yaml: rename it")
    names = [path.stem for path in found if path.suffix == ".yaml"]
    lower: dict[str, str] = {}
    for name in names:
        other = lower.setdefault(name.lower(), name)
        if other != name:
            raise UserError(
                f"{folder}: {other}.yaml and {name}.yaml differ in capitals only, and so would "
                "the files that are made of them, which some systems do not tell apart: rename one"
            )
    return names


def problem_of(name: str) -> str | None:
    """Say why an experiment cannot have this name, or None if it can."""
    if not re.fullmatch(r"\w[\w.-]*", name):
        return "use letters, digits, '_', '-' and '.', and begin with a letter or digit"
    if len(name) > LONGEST_NAME:
        return f"it has {len(name)} characters; allowed are {LONGEST_NAME}"
    taken = next((ending for ending in TAKEN if name.lower().endswith(ending)), None)
    return f"names of other files end in {taken!r}: choose another" if taken else None


def problem_of_folder(folder: str, others: Mapping[str, str]) -> str | None:
    """Say why a scale's files cannot lie in a folder, or None if they can.

    Args:
        folder: its path, from the project's root.
        others: the folders of results of all other scales, by their names.
    """
    path = PurePosixPath(folder)
    if not re.fullmatch(r"[\w./-]+", folder) or path.is_absolute() or ".." in path.parts:
        return "should be a folder of the project: letters, digits, '_', '-', '.' and '/' only"
    for name, other in others.items():
        theirs = PurePosixPath(other)
        if path == theirs:
            return f"the results of scale {name!r} lie there: choose another folder"
        if path.is_relative_to(theirs) and path.relative_to(theirs).parts[0] in INSIDE:
            return f"it lies among the results of scale {name!r}: choose another folder"
    return None
