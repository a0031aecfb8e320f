"""The cache: the finest units of work, found again by the hash of all that they depend on.

A job is killed, a seed is added, a method gets a second training size: what was computed before
is found by its key, and only the rest is computed. An entry's file is named
``<key>-<checksum><suffix>``; so one rename makes it, and it vouches for itself.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mbdl_repro.contract.hashing import canonical, digest
from mbdl_repro.errors import UserError
from mbdl_repro.store.files import cannot_write, read_bytes, set_aside, write_bytes

LENGTH = 24
"""Hexadecimal digits of key and checksum that a name keeps: 96 bits."""

LOCK = ".lock"
"""File beside the entries whose bytes are the locks on those that are being made."""

SECONDS = "seconds.txt"
"""File beside the entries that says how much CPU time each took."""


class Cache:
    """The entries of one kind.

    Args:
        folder: where they lie.
        stands_on: what every key holds besides an entry's specification, as plain data: the code
            that computes, the versions of what it uses, and the kind of device.
        suffix: ending of the files.
    """

    def __init__(self, folder: Path, stands_on: Mapping[str, Any], suffix: str) -> None:
        self.folder = folder
        self.stands_on = dict(stands_on)
        self.suffix = suffix
        self.seconds: dict[str, float] = {}
        """CPU time that each entry took, by key."""
        self._names: dict[str, str] = {}
        self._look()

    def _look(self) -> None:
        """Find out which entries there are."""
        self.seconds = _read_seconds(self.folder)
        if self.folder.is_dir():
            for name in sorted(os.listdir(self.folder)):
                if name.endswith(self.suffix) and not name.startswith("."):
                    self._names[name[:LENGTH]] = name

    def key(self, spec: Mapping[str, Any]) -> str:
        """Return the key of the entry with a specification."""
        return digest(canonical({"spec": spec, **self.stands_on}))[:LENGTH]

    def load(self, key: str) -> bytes | None:
        """Return an entry's content; None where it is missing, or damaged and so removed."""
        name = self._names.get(key)
        if name is None:
            return None
        path = self.folder / name
        content = read_bytes(path) if path.is_file() else b""
        if name == self._name(key, content):
            return content
        del self._names[key]
        try:
            if path.is_dir():
                set_aside(path)
            else:
                path.unlink(missing_ok=True)
        except OSError as error:
            raise UserError(cannot_write(path, error)) from error
        return None

    def get(self, key: str, make: Callable[[], bytes]) -> tuple[bytes, Path]:
        """Return an entry's content and its file, making it first where it is not there.

        Args:
            key: of the entry (see :meth:`key`).
            make: returns the content.
        """
        content = self.load(key)
        if content is None:
            with self._nobody_else_makes(key):
                self._look()
                content = self.load(key)  # another job may have made it while we waited
                if content is None:
                    start = time.process_time()
                    content = make()
                    name = self._name(key, content)
                    write_bytes(self.folder / name, content, wait_for_disk=False)
                    self._names[key] = name
                    self._note_seconds(key, time.process_time() - start)
        return content, self.folder / self._names[key]

    def free_first(self, keys: Sequence[str]) -> Iterator[int]:
        """Yield the place of each key once: last, those that another process is making.

        So jobs that share entries make different ones, and do not stand in line for the first.
        """
        left = list(range(len(keys)))
        while left:
            place = next((i for i in left if not self._made_elsewhere(keys[i])), left[0])
            left.remove(place)
            yield place

    def _made_elsewhere(self, key: str) -> bool:
        """Return whether another process holds the lock on an entry."""
        try:
            with open(self.folder / LOCK, "r+b") as file:
                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, int(key[:15], 16))
        except BlockingIOError:
            return True
        except OSError:  # no entry was ever made here
            return False
        return False

    @contextlib.contextmanager
    def _nobody_else_makes(self, key: str) -> Iterator[None]:
        """Hold the lock on an entry, of which experiments that share it make only one.

        The locks of all entries are bytes of one file, so that none is left behind; they end with
        the process that holds them.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            file = open(self.folder / LOCK, "a+b")  # noqa: SIM115  (open until the entry is made)
        except OSError as error:
            raise UserError(cannot_write(self.folder / LOCK, error)) from error
        with file:
            fcntl.lockf(file, fcntl.LOCK_EX, 1, int(key[:15], 16))
            yield

    @property
    def is_empty(self) -> bool:
        """Whether there are no entries at all."""
        return not self._names

    def has(self, key: str) -> bool:
        """Return whether there is an entry of this key, without reading it."""
        return key in self._names

    def file(self, key: str) -> Path | None:
        """Return the file of an entry, if it is there."""
        return self.folder / self._names[key] if key in self._names else None

    def _name(self, key: str, content: bytes) -> str:
        return f"{key}-{digest(content)[:LENGTH]}{self.suffix}"

    def _note_seconds(self, key: str, seconds: float) -> None:
        """Remember how long an entry took, beside the entries: their own bytes hold no times."""
        self.seconds[key] = seconds
        try:
            with open(self.folder / SECONDS, "a", encoding="utf-8") as file:
                file.write(f"{key} {seconds:.3f}\n")
        except OSError as error:
            raise UserError(cannot_write(self.folder / SECONDS, error)) from error


def _read_seconds(folder: Path) -> dict[str, float]:
    """Read how long entries took; a line that says nothing of the kind is passed over."""
    try:
        text = (folder / SECONDS).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return {}
    found = re.findall(r"^([0-9a-f]+) (\d+\.\d+)$", text, flags=re.MULTILINE)
    return {key: float(seconds) for key, seconds in found}


def is_whole(path: Path) -> bool:
    """Return whether an entry's file is there, with the content that its name vouches for."""
    if not path.is_file():
        return False
    checksum = digest(read_bytes(path))[:LENGTH]
    return path.stem.endswith(f"-{checksum}")
