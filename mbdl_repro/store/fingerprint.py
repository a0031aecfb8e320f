"""Fingerprints of code: they change when, and only when, what is computed may change.

A fingerprint stands for the definitions that some of them reach: every function, class and
constant that they refer to, that those refer to, and so on, wherever each of them stands; and for
the packages of others that all of these use. So code may move between files, and files may get
more of it, and nothing is computed again.
"""

from __future__ import annotations

import atexit
import dataclasses
import importlib.metadata
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

from mbdl_repro.catalogue.memory import Memory
from mbdl_repro.contract.hashing import canonical, digest
from mbdl_repro.store.definitions import WHOLE, Part, Ref, find, start

COMPUTES = {
    "PIL": "pillow",
    "matplotlib": "matplotlib",
    "numpy": "numpy",
    "pandas": "pandas",
    "pywt": "PyWavelets",
    "scipy": "scipy",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "torch": "torch",
}
"""Packages whose version may move a number or a line, by the name that code imports them under."""

MEMORY = Memory("fingerprints", ["."])


@dataclasses.dataclass(frozen=True)
class Fingerprint:
    """What some code stands on.

    Attributes:
        digest: the hash of all definitions that it reaches, and of how they refer to each other.
        definitions: the hash of each, by its name; of several with one name, all of theirs.
        places: the module that each stands in now, on which nothing depends.
        versions: of the packages that they use, as installed.
    """

    digest: str
    definitions: dict[str, str]
    places: dict[str, str]
    versions: dict[str, str]

    @property
    def key(self) -> dict[str, object]:
        """What a stored result is found by: the code, and the versions of what computes."""
        return {"code": self.digest, "versions": self.versions}


def fingerprint(*roots: str, without: tuple[str, ...] = ()) -> Fingerprint:
    """Return the fingerprint of all that some definitions reach.

    Args:
        roots: each as ``package.module:name``.
        without: methods of classes that are never called, as ``fit`` where nothing is fitted.

    Raises:
        DefinitionNotFoundError: if a root is not there.
    """
    name = " ".join([*roots, *(f"-{method}" for method in sorted(without))])
    found = _findings().get(name, lambda: _reached(roots, without))
    return dataclasses.replace(found, versions={p: version(p) for p in found.versions})


def together(fingerprints: Iterable[Fingerprint]) -> Fingerprint:
    """Return the fingerprint of work that stands on all of these."""
    every = {one.digest: one for one in fingerprints}
    known = _together.get(tuple(every))
    if known is None:
        known = _together[tuple(every)] = _union(every)
    return known


def _union(every: dict[str, Fingerprint]) -> Fingerprint:
    definitions: dict[str, set[str]] = {}
    places: dict[str, str] = {}
    versions: dict[str, str] = {}
    for one in every.values():
        for name, value in one.definitions.items():
            definitions.setdefault(name, set()).update(value.split())
        places |= one.places
        versions |= one.versions
    return Fingerprint(
        digest(canonical(sorted(every))),
        {name: " ".join(sorted(values)) for name, values in sorted(definitions.items())},
        places,
        dict(sorted(versions.items())),
    )


def _reached(roots: tuple[str, ...], without: tuple[str, ...]) -> Fingerprint:
    """Follow all references, and number what they lead to in the order in which it is met.

    The numbers stand for the definitions in what is hashed, so that no path is in it.
    """
    numbers = {start(*root.split(":")): i for i, root in enumerate(roots)}
    queue = list(numbers)
    graph: list[tuple[list[str], list[int]]] = []
    definitions: dict[str, set[str]] = {}
    places: dict[str, str] = {}
    packages: set[str] = set()
    for ref in queue:  # which grows as it is gone through
        parts = _parts(ref, without)
        found = list(dict.fromkeys(target for part in parts for target in part.refs))
        for target in found:
            if target not in numbers:
                numbers[target] = len(numbers)
                queue.append(target)
        digests = [part.digest for part in parts]
        graph.append((digests, [numbers[target] for target in found]))
        packages.update(package for part in parts for package in part.packages)
        if ref.name != WHOLE:
            definitions.setdefault(ref.name, set()).add(digest(canonical(digests))[:8])
            places[ref.name] = ref.module
    return Fingerprint(
        digest(canonical(graph)),
        {name: " ".join(sorted(values)) for name, values in sorted(definitions.items())},
        places,
        {COMPUTES[name]: version(COMPUTES[name]) for name in sorted(packages & COMPUTES.keys())},
    )


class _Findings:
    """Fingerprints by name: those that earlier processes found in the same files, and new ones.

    Args:
        memory: that keeps them from one process to the next.
    """

    def __init__(self, memory: Memory) -> None:
        self.memory = memory
        self.checksum = memory.checksum()
        known: dict[str, dict[str, Any]] = memory.read(self.checksum) or {}
        self.known = {name: Fingerprint(**fields) for name, fields in known.items()}
        self.new: set[str] = set()

    def get(self, name: str, find: Callable[[], Fingerprint]) -> Fingerprint:
        """Return the fingerprint of this name, finding it out where nobody has.

        Args:
            name: of all that it depends on besides the source files.
            find: finds it out.
        """
        if name not in self.known:
            self.known[name] = find()
            self.new.add(name)
        return self.known[name]

    def keep(self) -> None:
        """Remember what is new, unless a file was edited since: perhaps before it was read."""
        if self.new and self.memory.checksum() == self.checksum:
            new = {name: dataclasses.asdict(self.known[name]) for name in self.new}
            self.memory.write(self.checksum, (self.memory.read(self.checksum) or {}) | new)


@cache
def _findings() -> _Findings:
    findings = _Findings(MEMORY)
    atexit.register(findings.keep)
    return findings


def _parts(ref: Ref, without: tuple[str, ...]) -> list[Part]:
    definition = find(ref)
    methods = sorted(definition.methods.items())
    return [definition.own, *(part for name, part in methods if name not in without)]


@cache
def version(package: str) -> str:
    """Return the installed version of a package, whichever of its builds it is."""
    return importlib.metadata.version(package).partition("+")[0]


_together: dict[tuple[str, ...], Fingerprint] = {}
"""Fingerprints of work that stands on several, by the digests of these."""


def forget() -> None:
    """Forget what was found: a process looks once."""
    _together.clear()
    for cached in (_findings, version):
        cached.cache_clear()
