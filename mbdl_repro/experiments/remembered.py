"""Experiments whose files were found right, remembered until a file or the code changes."""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import io
import pickle
import sys
from functools import cache
from importlib.metadata import version
from typing import Any

from mbdl_repro.catalogue import REQUIRED
from mbdl_repro.catalogue.memory import Memory
from mbdl_repro.contract.hashing import canonical, digest
from mbdl_repro.experiments.experiment import Experiment
from mbdl_repro.experiments.scale import Scale

SOURCES = (
    "errors.py",
    "areas",
    "catalogue",
    "contract",
    "experiments",
    "figures",
    "learning",
    "statistics",
)
"""All that reads a file, and that an experiment holds."""

PACKAGES = ("annotated-types", "matplotlib", "numpy", "pydantic", "PyYAML", "scipy")
"""Whose versions have a say in what is right."""


class Remembered:
    """The memory of one experiment at one scale.

    Args:
        name: of the experiment.
        scale: at which it is read.
        content: the bytes of its file.
    """

    def __init__(self, name: str, scale: Scale, content: bytes) -> None:
        self._memory = Memory(f"experiment-{scale.name}-{name}", ())
        settings = canonical(dataclasses.asdict(scale) | {"at_most": scale.at_most.model_dump()})
        self._key = " ".join([_code(), digest(settings.encode()), digest(content)])

    def read(self) -> Experiment | None:
        """Return the experiment; None if it is not remembered, or as another file had it."""
        kept = self._memory.read(self._key)
        if isinstance(kept, str):
            # Its checksum is that of what this code wrote; what cannot be read is read anew.
            with contextlib.suppress(Exception):
                found = _Reader(io.BytesIO(base64.b64decode(kept))).load()
                return found if isinstance(found, Experiment) else None
        return None

    def write(self, experiment: Experiment) -> None:
        """Remember an experiment; not one of measured pairs, whose file may become another."""
        if experiment.measured is None:
            written = io.BytesIO()
            _Writer(written).dump(experiment)
            self._memory.write(self._key, base64.b64encode(written.getvalue()).decode())


class _Writer(pickle.Pickler):
    """Writes a setting that has no default as what it is, one object: its copy would be another."""

    def persistent_id(self, obj: Any) -> str | None:
        return "required" if obj is REQUIRED else None


class _Reader(pickle.Unpickler):
    def persistent_load(self, pid: Any) -> Any:
        return REQUIRED


@cache
def _code() -> str:
    """Return a hash of the code that reads experiments, and the versions that it stands on."""
    versions = [sys.version, *map(version, PACKAGES)]
    return " ".join([Memory("", SOURCES).checksum(), digest(" ".join(versions).encode())])
