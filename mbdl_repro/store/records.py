"""Records: what made a job's outputs, and checksums that vouch for them."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mbdl_repro.contract.hashing import canonical, digest
from mbdl_repro.errors import UserError
from mbdl_repro.store.files import (
    WAY_OUT,
    arrays_from_bytes,
    cannot_write,
    json_to_bytes,
    read_bytes,
    set_aside,
    write_together,
)

if TYPE_CHECKING:
    import pandas as pd


def record_path(path: Path) -> Path:
    """Return where the record of the job that made this file lies: beside it.

    ``rows/5.06_lista.csv`` and ``rows/5.06_lista.history.csv`` share one record.
    """
    stem = path.name
    for suffix in (*_LONG_SUFFIXES, *_SUFFIXES):
        if stem.endswith(suffix):
            return path.with_name(stem.removesuffix(suffix) + ".record.json")
    raise ValueError(f"{path}: no record belongs to a file of this kind")


_LONG_SUFFIXES = (
    ".groups.npz",
    ".history.csv",
    ".examples.npz",
    ".weights.safetensors",
)
_SUFFIXES = (".csv", ".json", ".npz", ".png", ".pdf", ".svg", ".html")

KINDS: dict[str, type | tuple[type, ...]] = {
    "verb": str,
    "spec": dict,
    "code": dict,
    "inputs": dict,
    "files": dict,
}
"""What every record says, and what kind of value that is."""

CODE_KINDS: dict[str, type | tuple[type, ...]] = {
    "digest": str,
    "definitions": dict,
    "versions": dict,
    "device": (str, type(None)),
}
"""What a record says of the code."""


def read_record(path: Path) -> dict[str, Any] | None:
    """Return the record of what made this file; None where none vouches for itself.

    A record vouches for itself by its own checksum, and by saying all that a record says.
    """
    try:
        record = json.loads(read_bytes(record_path(path)))
    except (UserError, ValueError, RecursionError):
        return None
    if not _has(record, KINDS) or not _has(record["code"], CODE_KINDS):
        return None
    return record if record.pop("checksum", None) == _checksum(record) else None


def damage(path: Path) -> str | None:
    """Say what is wrong with what is there, or None if it is as it was made."""
    try:
        return damage_of(path, read_bytes(path), read_record(path))
    except UserError as error:
        return str(error).removeprefix(f"{path} ").partition(": ")[0]


def damage_of(path: Path, content: bytes, record: Mapping[str, Any] | None) -> str | None:
    """Say what is wrong with a file, or None if it is as it was made.

    Args:
        path: of the file.
        content: what it holds.
        record: of what made it, as :func:`read_record` returns it.
    """
    if record is None:
        return "its record is missing or damaged"
    expected = record["files"].get(path.name)
    if expected is None:
        return "its record does not name it"
    if digest(content) != expected:
        return "it is not as it was made (its checksum differs)"
    for name, checksum in record.get("pages", {}).items():
        if _digest(path.parent / name) != checksum:
            return f"{name}, which belongs to it, is missing or not as it was made"
    return None


def read_checked(path: Path) -> bytes:
    """Return the content of a file that its record vouches for.

    Raises:
        UserError: if it is missing or damaged; a damaged file never becomes a number.
    """
    content = read_bytes(path)
    problem = damage_of(path, content, read_record(path))
    if problem is not None:
        raise UserError(f"{path} is damaged: {problem}; {WAY_OUT}")
    return content


def write_outputs(
    outputs: Mapping[Path, bytes], record: Mapping[str, Any], pages: Mapping[str, bytes] = {}
) -> list[str]:
    """Write a job's outputs, then the records that vouch for them, one in each place.

    All of them are on the disk before the first replaces an older one. What lies in the place of
    one and is not as it was made is set aside. A process that is killed between two files leaves
    some that the record does not vouch for: they count as damaged.

    Args:
        outputs: the content of each file.
        record: what made them, as plain data; their checksums, and its own, are added.
        pages: more files that belong to the one output that there then is, by their names from its
            folder. Whoever checks it checks them all; those that an earlier record names, and this
            one does not, are removed.

    Returns:
        What is to be said of files that were set aside.
    """
    records: dict[Path, dict[str, Any]] = {}
    said = []
    for path, content in outputs.items():
        if os.path.lexists(path) and (problem := damage(path)) and not _holds(path, content):
            said.append(f"{path} was damaged: {problem}; it is set aside as {_set_aside(path)}")
        named = records.setdefault(record_path(path), {**record, "files": {}})
        named["files"][path.name] = digest(content)
    for where in records:
        if where.is_dir():
            _set_aside(where)
    beside: dict[Path, bytes] = {}
    if pages:
        (first,) = outputs
        said += _make_way(first, pages)
        beside = {first.parent / name: content for name, content in pages.items()}
        checksums = {name: digest(content) for name, content in pages.items()}
        records[record_path(first)]["pages"] = checksums
    signed = {
        where: json_to_bytes({**named, "checksum": _checksum(named)})
        for where, named in records.items()
    }
    write_together({**beside, **outputs, **signed})
    return said


def _make_way(first: Path, pages: Mapping[str, bytes]) -> list[str]:
    """Remove pages that there no longer are; set aside what lies in the place of one by mishap."""
    said = []
    before = (read_record(first) or {}).get("pages", {})
    for name in {**before, **pages}:
        path = first.parent / name
        if not os.path.lexists(path) or (name in pages and _holds(path, pages[name])):
            continue
        if _digest(path) != before.get(name):
            said.append(f"{path} was damaged; it is set aside as {_set_aside(path)}")
        elif name not in pages:
            path.unlink()
    return said


def _digest(path: Path) -> str | None:
    """Return the checksum of a file; None where there is none to be read."""
    try:
        return digest(read_bytes(path))
    except UserError:
        return None


def _set_aside(path: Path) -> str:
    try:
        return set_aside(path).name
    except OSError as error:
        raise UserError(cannot_write(path, error)) from error


def _holds(path: Path, content: bytes) -> bool:
    try:
        return read_bytes(path) == content
    except UserError:
        return False


def _has(data: Any, kinds: Mapping[str, type | tuple[type, ...]]) -> bool:
    return isinstance(data, dict) and all(
        key in data and isinstance(data[key], kind) for key, kind in kinds.items()
    )


def _checksum(record: Mapping[str, Any]) -> str:
    return digest(canonical(record))


# Reading, after a check -------------------------------------------------------------------------


def read_table(path: Path) -> pd.DataFrame:
    """Read a table after checking it against its record."""
    import pandas as pd

    return pd.read_csv(io.BytesIO(read_checked(path)), keep_default_na=False, na_values=["nan", ""])


def read_json(path: Path) -> Any:
    """Read JSON after checking it against its record."""
    return json.loads(read_checked(path))


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Read an ``.npz`` file after checking it against its record."""
    return arrays_from_bytes(read_checked(path))
