"""Records: what made a job's outputs, and checksums that vouch for them."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mbdl_repro.contract.hashing import digest
from mbdl_repro.errors import UserError
from mbdl_repro.store.files import (
    arrays_from_bytes,
    cannot_write,
    json_to_bytes,
    read_bytes,
    write_bytes,
)

if TYPE_CHECKING:
    import pandas as pd


def record_path(path: Path) -> Path:
    """Return where the record of the job that made this file lies: beside its first output.

    ``tables/5.06_lista.seeds.csv`` and ``tables/5.06_lista.csv`` share one record.
    """
    stem = path.name
    for suffix in (*_LONG_SUFFIXES, *_SUFFIXES):
        if stem.endswith(suffix):
            return path.with_name(stem.removesuffix(suffix) + ".record.json")
    raise ValueError(f"{path}: no record belongs to a file of this kind")


_LONG_SUFFIXES = (".seeds.csv", ".history.csv", ".examples.npz", ".weights.safetensors")
_SUFFIXES = (".csv", ".json", ".npz", ".png", ".pdf", ".html")


def read_record(path: Path) -> dict[str, Any] | None:
    """Return the record of what made this file, or None where there is none that can be read."""
    try:
        record = json.loads(record_path(path).read_bytes())
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) and isinstance(record.get("files"), dict) else None


def damage(path: Path) -> str | None:
    """Say what is wrong with a file that is there, or None if it is as it was made."""
    return _damage(path, read_bytes(path))


def _damage(path: Path, content: bytes) -> str | None:
    record = read_record(path)
    if record is None:
        return "its record is missing or unreadable"
    expected = record["files"].get(path.name)
    if expected is None:
        return "its record does not name it"
    if digest(content) != expected:
        return "it is not as it was made (its checksum differs)"
    return None


def read_checked(path: Path) -> bytes:
    """Return the content of a file that its record vouches for.

    Raises:
        UserError: if it is missing or damaged; a damaged file never becomes a number.
    """
    content = read_bytes(path)
    problem = _damage(path, content)
    if problem is not None:
        raise UserError(
            f"{path} is damaged: {problem}. Run snakemake again: it sets damaged files aside and "
            "makes them anew."
        )
    return content


def write_outputs(outputs: Mapping[Path, bytes], record: Mapping[str, Any]) -> None:
    """Write a job's outputs, then the record that vouches for them: the record comes last.

    A run that is killed in between leaves files without a record, which count as damaged.

    Args:
        outputs: the content of each file.
        record: what made them, as plain data; their checksums are added.
    """
    first = record_path(next(iter(outputs)))
    try:
        first.unlink(missing_ok=True)
    except OSError as error:
        raise UserError(cannot_write(first, error)) from error
    for path, content in outputs.items():
        write_bytes(path, content)
    files = {path.name: digest(content) for path, content in outputs.items()}
    write_bytes(first, json_to_bytes({**record, "files": files}))


def set_aside_damaged(paths: list[Path]) -> list[str]:
    """Move damaged files out of the way, so that a run makes them anew; say which and why."""
    messages = []
    for path in paths:
        if path.is_file() and (problem := damage(path)) is not None:
            os.replace(path, path.with_name(path.name + ".damaged"))
            messages.append(f"{path} was damaged: {problem}; set aside, to be made anew")
    return messages


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
