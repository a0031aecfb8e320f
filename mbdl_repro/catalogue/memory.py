"""What is remembered from one start to the next, for as long as no file of the package changes."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sys
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Any

PACKAGE = Path(__file__).parents[1]


class Memory:
    """Plain data that follow from source files, kept beside their bytecode.

    A folder that cannot be written is no error, nor is a damaged file: then nothing is
    remembered, and what it would tell is found out anew at each start.

    Args:
        name: of what is remembered.
        sources: files, and folders of files, of the package that it follows from.
        package: the folder of the package.
    """

    def __init__(self, name: str, sources: Iterable[str], package: Path = PACKAGE) -> None:
        self.package = package
        self.path = package / "__pycache__" / f"{name}-{sys.implementation.cache_tag}.json"
        self.sources = tuple(sources)

    def checksum(self) -> str:
        """Return a hash of the names and contents of all files that it follows from."""
        paths: list[Path] = []
        for source in self.sources:
            path = self.package / source
            paths += [path] if path.is_file() else path.rglob("*.py")
        total = hashlib.sha256()
        for path in sorted(paths):
            total.update(path.relative_to(self.package).as_posix().encode() + b"\0")
            total.update(hashlib.sha256(path.read_bytes()).digest())
        return total.hexdigest()

    def read(self, checksum: str) -> Any:
        """Return what is remembered; None if it is of other sources, or damaged."""
        try:
            kept = json.loads(self.path.read_bytes())
            return kept["data"] if kept["key"] == _key(checksum, kept["data"]) else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def write(self, checksum: str, data: Any) -> None:
        """Remember something, if the folder can be written.

        Args:
            checksum: of the sources that it follows from.
            data: plain data.
        """
        temporary = self.path.with_name(f"{self.path.name}.{uuid.uuid4().hex}")
        try:
            self.path.parent.mkdir(exist_ok=True)
            temporary.write_text(json.dumps({"key": _key(checksum, data), "data": data}))
            os.replace(temporary, self.path)
        except OSError:
            with contextlib.suppress(OSError):
                temporary.unlink()


def _key(checksum: str, data: Any) -> str:
    return hashlib.sha256(f"{checksum} {json.dumps(data)}".encode()).hexdigest()
