"""Pairs that were measured, in a file of one's own: what an experiment is told of them."""

from __future__ import annotations

import dataclasses
import hashlib
import math
import stat
import zipfile
from pathlib import Path
from typing import IO, Any

import numpy as np

from mbdl_repro import catalogue
from mbdl_repro.errors import UserError
from mbdl_repro.experiments import limits
from mbdl_repro.experiments.messages import Problems, shown
from mbdl_repro.experiments.schema import Frame

OBSERVATIONS, TARGETS = "x", "s"
"""What the arrays of a file are called."""


@dataclasses.dataclass(frozen=True)
class Measured:
    """A file of measured pairs: NumPy's ``.npz``, with x (n, ...) and perhaps s (n, ...).

    Attributes:
        path: where it lies, from the project's folder.
        checksum: SHA-256 of its bytes, which names what stands on it.
        n: how many pairs there are.
        has_targets: whether s is there.
    """

    path: str
    checksum: str
    n: int
    has_targets: bool


def measured(problems: Problems, frame: Frame) -> Measured | None:
    """Check the file of measured pairs that an experiment names, if it names one.

    Args:
        problems: where mistakes are noted.
        frame: the top level of the file.
    """
    if frame.measured is None:
        return None
    try:
        found = inspected(frame.measured)
    except UserError as error:
        problems.note(("measured",), str(error))
        problems.stop_if_any()
        raise
    _sizes(problems, frame, found)
    _without_truth(problems, frame, found)
    return found


def inspected(path: str) -> Measured:
    """Return what a file of measured pairs holds; its numbers are not read.

    Args:
        path: of the file, from the project's folder.

    Raises:
        UserError: it is not there, or no such file.
    """
    here = f"{shown(path)}: "
    try:
        mode = Path(path).stat()
        if not stat.S_ISREG(mode.st_mode):
            raise UserError(f"{here}is no file")
        if mode.st_size > limits.MEASURED_BYTES:
            size = f"{mode.st_size / 1e9:.1f} GB"
            raise UserError(f"{here}has {size}: allowed are {limits.MEASURED_BYTES / 1e9:g} GB")
        with Path(path).open("rb") as file:
            shapes = _shapes(file)
            file.seek(0)
            checksum = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UserError(f"{here}cannot be read: {error.strerror}") from None
    except (ValueError, KeyError, EOFError, zipfile.BadZipFile, NotImplementedError) as error:
        raise UserError(
            f"{here}no file that numpy.savez writes, of arrays of numbers: {error}"
        ) from None
    if OBSERVATIONS not in shapes or shapes.keys() - {OBSERVATIONS, TARGETS}:
        names = ", ".join(sorted(shapes)) or "nothing"
        raise UserError(f"{here}holds {names}: it should hold x (n, ...), and s (n, ...) if known")
    lengths = {name: shape[0] if shape else 0 for name, shape in shapes.items()}
    if len(set(lengths.values())) > 1 or not all(lengths.values()):
        words = " and ".join(f"{name} of shape {shapes[name]}" for name in sorted(shapes))
        raise UserError(f"{here}holds {words}: the first number should be that of the pairs")
    return Measured(path, checksum, lengths[OBSERVATIONS], TARGETS in shapes)


def _shapes(file: IO[bytes]) -> dict[str, tuple[int, ...]]:
    """Return the shape of each array of numbers in a file, from their headers alone."""
    shapes = {}
    with zipfile.ZipFile(file) as archive:
        for name in archive.namelist():
            with archive.open(name) as member:
                version = np.lib.format.read_magic(member)
                read = {
                    (1, 0): np.lib.format.read_array_header_1_0,
                    (2, 0): np.lib.format.read_array_header_2_0,
                }[version]
                shape, _, dtype = read(member)
            if dtype.kind not in "iufc":
                raise ValueError(f"{name} holds {dtype}")
            if math.prod(shape) * 16 > 4 * limits.MEASURED_BYTES:
                raise ValueError(f"{name} would have the shape {shape}")
            shapes[name.removesuffix(".npy")] = shape
    return shapes


def _sizes(problems: Problems, frame: Frame, found: Measured) -> None:
    """Note more pairs than there are."""
    blocks: list[Any] = frame.sweep if isinstance(frame.sweep, list) else [frame.sweep]
    listed = [n for b in blocks if isinstance(b, dict) for n in b.get("n_train") or []]
    largest = max((n for n in listed if isinstance(n, int)), default=0)
    wanted = {"n_train": largest} | {
        name: n for name, n in frame.samples.items() if isinstance(n, int)
    }
    if sum(wanted.values()) > found.n:
        words = " + ".join(f"{name} {n}" for name, n in wanted.items())
        problems.note(
            ("measured",),
            f"{words} = {sum(wanted.values())} pairs are asked for, and {found.path} has {found.n}",
        )


def _without_truth(problems: Problems, frame: Frame, found: Measured) -> None:
    """Note what cannot be asked of data whose truth nobody knows."""
    for key in ("sweep", "test_sweep"):
        blocks = getattr(frame, key)
        for block in blocks if isinstance(blocks, list) else [blocks]:
            fields = [name for name in block if name != "n_train"] if block else []
            if fields:
                problems.note(
                    (key, fields[0]),
                    "measured pairs are what they are: only n_train can be swept",
                )
    bounds = catalogue.bounds(frame.area)
    for i, name in enumerate(frame.bounds):
        if name in bounds and "truth" in bounds[name].arguments:
            problems.note(
                ("bounds", i), f"{name} asks for the truth, and of measured pairs nobody knows it"
            )
    if found.has_targets:
        return
    metrics = catalogue.metrics(frame.area)
    free = [name for name, info in metrics.items() if not info.marks["targets"]]
    for i, name in enumerate(frame.metrics):
        if name in metrics and metrics[name].marks["targets"]:
            problems.note(
                ("metrics", i),
                f"{name} compares with targets, and {found.path} holds no s; "
                f"allowed: {', '.join(free) or '(none)'}",
            )
    methods = catalogue.methods(frame.area)
    for label, data in frame.methods.items():
        info = methods.get(str((data or {}).get("method", label)))
        fitted = info is not None and (info.learns or (data or {}).get("tune"))
        if info is not None and fitted and info.needs_targets:
            problems.note(
                ("methods", label),
                f"{info.name} is fitted to targets, and {found.path} holds no s: leave it out, "
                "or choose what learns from observations alone",
            )
