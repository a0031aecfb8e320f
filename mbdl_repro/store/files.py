"""Files: written whole or not at all, and the kinds of content that they have."""

from __future__ import annotations

import contextlib
import csv
import errno
import io
import json
import os
import stat
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mbdl_repro.errors import UserError

if TYPE_CHECKING:
    import pandas as pd


def write_bytes(path: Path, content: bytes, *, wait_for_disk: bool = True) -> None:
    """Write a file whole or not at all: to a temporary name beside it, then renamed.

    Args:
        path: of the file; folders on the way are made.
        content: all of it.
        wait_for_disk: until it would outlast a power cut. What tells by itself whether it is
            whole, and can be made again, need not.

    Raises:
        UserError: if the disk is full or the folder cannot be written to; nothing is left.
    """
    write_together({path: content}, wait_for_disk=wait_for_disk)


def write_together(contents: Mapping[Path, bytes], *, wait_for_disk: bool = True) -> None:
    """Write several files: none is replaced before all are on the disk, whole.

    Args:
        contents: all of each file, by its path, in the order in which they are renamed.
        wait_for_disk: see :func:`write_bytes`.

    Raises:
        UserError: if the disk is full or a folder cannot be written to; nothing is left.
    """
    temporary = {path: path.with_name(f".{path.name}.{os.getpid()}.tmp") for path in contents}
    path = next(iter(contents))
    try:
        for path, content in contents.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            with open(temporary[path], "wb") as file:
                file.write(content)
                if wait_for_disk:
                    file.flush()
                    os.fsync(file.fileno())
        stop_if_orphaned()
        for path in contents:
            os.replace(temporary[path], path)
    except OSError as error:
        raise UserError(cannot_write(path, error)) from error
    finally:
        for one in temporary.values():
            with contextlib.suppress(OSError):
                one.unlink()


def set_aside(path: Path) -> Path:
    """Give what lies at a path another name beside it: nothing that a user made is deleted.

    Args:
        path: of a file that is not as it was made, or of a folder in a file's place.

    Returns:
        Its new name, which ends in ``.damaged``.
    """
    aside = path.with_name(path.name + ".damaged")
    if aside.is_dir():
        aside = path.with_name(f"{path.name}.{uuid.uuid4().hex[:8]}.damaged")
    os.replace(path, aside)
    return aside


def cannot_write(path: Path, error: OSError) -> str:
    """Return the message of a write that failed: why, and what to do.

    Args:
        path: of the file.
        error: what the system said.
    """
    cures = {
        errno.ENOSPC: "the disk is full: free some space",
        errno.EDQUOT: "your disk quota is used up: free some space",
        errno.EFBIG: "the file would be larger than this system allows: raise the limit",
        errno.EACCES: "the folder is not writable: change its permissions",
        errno.EPERM: "the folder is not writable: change its permissions",
        errno.EROFS: "the disk is mounted read-only: use another folder",
    }
    cure = cures.get(error.errno or 0, f"{error.strerror or error}: mend that")
    return (
        f"cannot write {path}: {cure}, then run the same command again. "
        "Nothing half-written was kept, and what was finished before is not lost."
    )


def stop_if_orphaned() -> None:
    """End this process if the run that started it has died: it must not write on by itself."""
    parent = os.environ.get("MBDL_RUN_PID")
    if parent is not None and os.getppid() != int(parent):
        os._exit(1)


def read_bytes(path: Path) -> bytes:
    """Read a file.

    Raises:
        UserError: if it is missing, unreadable, or no file: a folder, say.
    """
    try:
        with open(path, "rb", opener=_without_waiting) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise UserError(f"{path} is not a file: {WAY_OUT}")
            return file.read()
    except FileNotFoundError:
        raise UserError(f"{path} is missing: run snakemake to make it") from None
    except IsADirectoryError:
        raise UserError(f"{path} is not a file: {WAY_OUT}") from None
    except (OSError, MemoryError) as error:
        raise UserError(f"{path} cannot be read: {getattr(error, 'strerror', error)}") from error


WAY_OUT = "run snakemake, which sets it aside and makes it anew"


def _without_waiting(path: str, flags: int) -> int:
    """Open a file; a pipe that nobody writes to does not keep us waiting."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


# Kinds of content -------------------------------------------------------------------------------


def arrays_to_bytes(arrays: Mapping[str, np.ndarray]) -> bytes:
    """Return arrays as the bytes of an ``.npz`` file (no pickles)."""
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def arrays_to_small_bytes(arrays: Mapping[str, np.ndarray]) -> bytes:
    """Return arrays as the bytes of a compressed ``.npz`` file, the same bytes at any time."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def arrays_from_bytes(content: bytes) -> dict[str, np.ndarray]:
    """Return the arrays of an ``.npz`` file."""
    with np.load(io.BytesIO(content), allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def json_to_bytes(value: object) -> bytes:
    """Return plain data as readable JSON with sorted keys."""
    return (json.dumps(value, indent=1, sort_keys=True, allow_nan=False) + "\n").encode()


def table_to_bytes(table: pd.DataFrame | list[dict[str, Any]]) -> bytes:
    """Return a table, or rows of one, as CSV; numbers keep every digit that tells them apart."""
    rows = table if isinstance(table, list) else table.to_dict("records")
    columns = dict.fromkeys(name for row in rows for name in row)
    if not isinstance(table, list):
        columns = dict.fromkeys(map(str, table.columns))
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, list(columns), lineterminator="\n")
    writer.writeheader()
    # A value that is not equal to itself is NaN, which a table leaves empty.
    writer.writerows({k: "" if v != v else v for k, v in row.items()} for row in rows)
    return buffer.getvalue().encode()
