"""Every path, every save and every load: atomic, checked, and with a record of what made it."""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import errno
import io
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mbdl_repro.contract.hashing import digest
from mbdl_repro.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

    from mbdl_repro.experiments.scale import Scale


@dataclasses.dataclass(frozen=True)
class Store:
    """Where the artifacts of a scale lie."""

    results: Path
    figures: Path

    @classmethod
    def of(cls, scale: Scale) -> Store:
        """Return the store of a scale."""
        return cls(Path(scale.results), Path(scale.figures))

    def data(self, experiment: str) -> Path:
        """Index of an experiment's simulated data."""
        return self.results / "data" / f"{experiment}.json"

    def model(self, experiment: str, method: str, part: int | str, parts: int | str) -> Path:
        """Index of the fits of one part, counted from 1, of a method's training."""
        return self.results / "models" / experiment / f"{method}.{part}of{parts}.json"

    def history(self, experiment: str, method: str, part: int | str, parts: int | str) -> Path:
        """Training curves and tuned settings of the same fits."""
        return self.results / "models" / experiment / f"{method}.{part}of{parts}.history.csv"

    def scores(self, experiment: str, method: str) -> Path:
        """Rows of one method."""
        return self.results / "scores" / experiment / f"{method}.csv"

    def examples(self, experiment: str, method: str) -> Path:
        """A few estimates of one method, for illustrations."""
        return self.results / "scores" / experiment / f"{method}.examples.npz"

    def shown(self, experiment: str) -> Path:
        """The estimates that the figure shows, kept with the table."""
        return self.results / "tables" / f"{experiment}.examples.npz"

    def bounds(self, experiment: str) -> Path:
        """Rows of the bounds."""
        return self.results / "bounds" / f"{experiment}.csv"

    def table(self, experiment: str) -> Path:
        """The summary over seeds."""
        return self.results / "tables" / f"{experiment}.csv"

    def seed_rows(self, experiment: str) -> Path:
        """The rows of each seed."""
        return self.results / "tables" / f"{experiment}.seeds.csv"

    def verdicts(self, experiment: str | None = None) -> Path:
        """The verdicts of one experiment, or of all."""
        name = "verdicts.csv" if experiment is None else f"verdicts/{experiment}.csv"
        return self.results / name

    def figure(self, experiment: str, suffix: str = "png") -> Path:
        """The figure."""
        return self.figures / f"{experiment}.{suffix}"

    def report(self) -> Path:
        """The page with everything."""
        return self.results / "report.html"

    def log(self, verb: str, target: str) -> Path:
        """The log of a job."""
        return self.results / "logs" / verb / f"{target}.log"

    def cells(self, verb: str) -> Path:
        """The folder of a verb's cells (see :mod:`mbdl_repro.store.cells`)."""
        return self.results / "cells" / verb


# Bytes ------------------------------------------------------------------------------------------


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file whole or not at all: to a temporary name beside it, then renamed.

    Raises:
        UserError: if the disk is full or the folder cannot be written to; nothing is left.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        stop_if_orphaned()
        os.replace(temporary, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise UserError(cannot_write(path, error)) from error
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def cannot_write(path: Path, error: OSError) -> str:
    """Return the message of a write that failed: why, and what to do."""
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
        UserError: if it is missing or unreadable.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise UserError(f"{path} is missing: run snakemake to make it") from None
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from error


# Kinds of content -------------------------------------------------------------------------------


def arrays_to_bytes(arrays: Mapping[str, np.ndarray]) -> bytes:
    """Return arrays as the bytes of an ``.npz`` file (no pickles)."""
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def arrays_from_bytes(content: bytes) -> dict[str, np.ndarray]:
    """Return the arrays of an ``.npz`` file."""
    with np.load(io.BytesIO(content), allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


class LazyArrays(Mapping[str, np.ndarray]):
    """The arrays of an ``.npz`` file, each read when it is first asked for."""

    def __init__(self, content: bytes) -> None:
        self._file = np.load(io.BytesIO(content), allow_pickle=False)
        self._read: dict[str, np.ndarray] = {}

    def __getitem__(self, name: str) -> np.ndarray:
        """Return the array of this name."""
        if name not in self._read:
            self._read[name] = self._file[name]
        return self._read[name]

    def __iter__(self) -> Iterator[str]:
        """Yield the names of all arrays."""
        return iter(self._file.files)

    def __len__(self) -> int:
        """Return how many arrays there are."""
        return len(self._file.files)


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


# Records ----------------------------------------------------------------------------------------


def record_path(path: Path) -> Path:
    """Return where the record of the job that made this file lies: beside its first output.

    ``tables/5.06_lista.seeds.csv`` and ``tables/5.06_lista.csv`` share one record.
    """
    stem = path.name
    for suffix in (".seeds.csv", ".examples.npz", ".history.csv", *_SUFFIXES):
        if stem.endswith(suffix):
            return path.with_name(stem.removesuffix(suffix) + ".record.json")
    raise ValueError(f"{path}: no record belongs to a file of this kind")


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
