"""Names of files that a run makes others from: experiments, and the folders of scales."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from mbdl_repro.errors import UserError
from mbdl_repro.experiments import limits

EXPERIMENTS = Path("workflow/experiments")
COMPARISONS = Path("workflow/comparisons")
SCALES = Path("workflow/scales")
"""Where the files lie, from the project's root."""

TAKEN = (".damaged", ".examples", ".history", ".record", ".seeds", ".tmp", ".weights")
"""Endings that names of its files have before their last one."""

SOURCES = ("benchmarks", "docs", "mbdl_repro", "profiles", "tests", "workflow")
"""Folders of the project that no results lie in."""


def experiments(folder: Path) -> list[str]:
    """Return the names of all experiments: the files of the folder, in the book's order.

    What editors leave beside a file that is open is passed over.

    Raises:
        UserError: if a file seems to be meant for one and is not, or two would share files.
    """
    return _names(folder, "experiments")


def comparisons(folder: Path) -> list[str]:
    """Return the names of all comparisons, as :func:`experiments` does those of experiments.

    Raises:
        UserError: if a file seems to be meant for one and is not, or two would share files.
    """
    return _names(folder, "comparisons")


def scales(folder: Path) -> list[str]:
    """Return the names of all scales, as :func:`experiments` does those of experiments.

    Raises:
        UserError: if a file seems to be meant for one and is not, or two would share files.
    """
    return _names(folder, "scales")


def _names(folder: Path, kind: str) -> list[str]:
    paths = sorted(folder.iterdir()) if folder.is_dir() else []
    found = [path for path in paths if not path.name.startswith(".#")]
    for path in found:
        if path.suffix.lower() in (".yml", ".yaml") and path.suffix != ".yaml":
            raise UserError(f"{path}: {kind} end in .yaml: rename it")
    names = [path.stem for path in found if path.name.endswith(".yaml")]
    alike: dict[str, str] = {}
    for name in names:
        other = alike.setdefault(unicodedata.normalize("NFC", name).casefold(), name)
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
    if (n := len(name.encode())) > limits.KEY:  # systems count bytes
        return f"it has {n} bytes; allowed are {limits.KEY}"
    taken = next((ending for ending in TAKEN if name.lower().endswith(ending)), None)
    return f"names of other files end in {taken!r}: choose another" if taken else None


def problem_of_folder(folder: str, scale: str, others: Mapping[str, Sequence[str]]) -> str | None:
    """Say why a scale's files cannot lie in a folder, or None if they can.

    A scale's results may lie in a folder of its own name within those of another, and nothing
    else may: what one scale clears away would be another's.

    Args:
        folder: its path, from the project's root.
        scale: the name of the scale.
        others: the folders of all other scales, by their names.
    """
    path = PurePosixPath(folder)
    if not re.fullmatch(r"[\w.-]+(/[\w.-]+)*/?", folder) or any(map(_is_odd, path.parts)):
        return "should be a folder of the project: letters, digits, '_', '-', '.' and '/' only"
    if not path.parts or path.parts[0] in SOURCES:
        return "a folder of the project's own files: choose another folder, such as results"
    for name, folders in others.items():
        for other in map(PurePosixPath, folders):
            if path == other:
                return f"files of scale {name!r} lie there: choose another folder"
            if path.is_relative_to(other) and not path.is_relative_to(other / scale):
                own = f"choose another folder, such as {other / scale}"
                return f"it lies among the files of scale {name!r}: {own}"
            if other.is_relative_to(path) and not other.is_relative_to(path / name):
                return f"files of scale {name!r} lie in it: choose another folder"
    return None


def _is_odd(part: str) -> bool:
    """Return whether a part of a path leads out of its folder, is hidden, or looks an option."""
    return part.startswith((".", "-"))
