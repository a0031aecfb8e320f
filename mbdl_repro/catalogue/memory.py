"""What the catalogue remembers from one start to the next, for as long as no file changes."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import subprocess
import sys
import uuid
from functools import cache
from pathlib import Path
from typing import Any

from mbdl_repro.errors import UserError

PACKAGE = Path(__file__).parents[1]
SOURCES = ("areas", "catalogue", "contract", "learning", "statistics")
"""Folders of all that a method's file imports, and of what reads it."""

MEMORY = PACKAGE / "__pycache__" / f"catalogue-{sys.implementation.cache_tag}.json"

Areas = dict[str, dict[str, Any]]


@cache
def recall() -> Areas:
    """Return what :func:`mbdl_repro.catalogue.inspection.inspect_areas` does, if it must, by it.

    Raises:
        UserError: the process that imports the methods came to a bad end.
    """
    sources = checksum()
    remembered = _read(sources)
    if remembered is not None:
        return remembered
    areas = _learn()
    # What is broken may be so for want of a package, and a file may have been edited meanwhile.
    if not any(area["errors"] for area in areas.values()) and checksum() == sources:
        _write(sources, areas)
    return areas


def checksum() -> str:
    """Return a hash of the names and contents of all files that the memory depends on."""
    paths = [PACKAGE / "errors.py"]
    paths += [path for folder in SOURCES for path in (PACKAGE / folder).rglob("*.py")]
    total = hashlib.sha256()
    for path in sorted(paths):
        total.update(path.relative_to(PACKAGE).as_posix().encode() + b"\0")
        total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def _learn() -> Areas:
    """Import all methods, metrics and bounds in a process of its own, which loads torch."""
    # -P: of the current folder nothing is imported, which may hold another copy of the package.
    command = [sys.executable, "-P", "-m", "mbdl_repro.catalogue.inspection"]
    paths = [str(PACKAGE.parent), os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))}
    result = subprocess.run(command, env=environment, capture_output=True, check=False)
    try:
        areas: Areas = json.loads(result.stdout)
    except ValueError:
        said = result.stderr.decode(errors="replace").strip().splitlines()
        raise UserError(
            f"the methods cannot be imported: {said[-1] if said else 'Python gave no reason'}; "
            f"to see all that it said: {' '.join(command)}"
        ) from None
    return areas


def _read(sources: str) -> Areas | None:
    """Return what is remembered, unless it is of other sources, or damaged."""
    try:
        kept = json.loads(MEMORY.read_bytes())
        areas: Areas = kept["areas"]
        return areas if kept["key"] == _key(sources, areas) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write(sources: str, areas: Areas) -> None:
    """Remember it, if the folder can be written; else it is learned anew at the next start."""
    temporary = MEMORY.with_name(f"{MEMORY.name}.{uuid.uuid4().hex}")
    try:
        MEMORY.parent.mkdir(exist_ok=True)
        temporary.write_text(json.dumps({"key": _key(sources, areas), "areas": areas}))
        os.replace(temporary, MEMORY)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink()


def _key(sources: str, areas: Areas) -> str:
    return hashlib.sha256(f"{sources} {json.dumps(areas)}".encode()).hexdigest()
