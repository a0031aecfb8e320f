"""Fingerprints of code: they change when, and only when, what is computed may change.

A fingerprint stands for the definitions that some of them reach: every function, class and
constant that they refer to, that those refer to, and so on, wherever each of them stands; and for
the packages of others that all of these use. So code may move between files, and files may get
more of it, and nothing is computed again.
"""

from __future__ import annotations

import dataclasses
import importlib.metadata
from collections.abc import Iterable
from functools import cache

from mbdl_repro.contract.hashing import canonical, digest
from mbdl_repro.store.definitions import WHOLE, Part, Ref, find

COMPUTES = {
    "numpy": "numpy",
    "pywt": "PyWavelets",
    "scipy": "scipy",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "torch": "torch",
}
"""Packages whose version may move a number, by the name that code imports them under."""


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
    return _reached(tuple(roots), without)


def together(fingerprints: Iterable[Fingerprint]) -> Fingerprint:
    """Return the fingerprint of work that stands on all of these."""
    every = {one.digest: one for one in fingerprints}
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


@cache
def _reached(roots: tuple[str, ...], without: tuple[str, ...]) -> Fingerprint:
    """Follow all references, and number what they lead to in the order in which it is met.

    The numbers stand for the definitions in what is hashed, so that no path is in it.
    """
    numbers = {Ref(*root.split(":")): i for i, root in enumerate(roots)}
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


def _parts(ref: Ref, without: tuple[str, ...]) -> list[Part]:
    definition = find(ref)
    methods = sorted(definition.methods.items())
    return [definition.own, *(part for name, part in methods if name not in without)]


@cache
def version(package: str) -> str:
    """Return the installed version of a package."""
    return importlib.metadata.version(package)


def forget() -> None:
    """Forget what was found: a process looks once."""
    _reached.cache_clear()
    version.cache_clear()
