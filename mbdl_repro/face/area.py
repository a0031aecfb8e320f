"""A running example as a Python user meets it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mbdl_repro import catalogue
from mbdl_repro.catalogue import FunctionInfo, MethodInfo
from mbdl_repro.errors import one_of
from mbdl_repro.reporting import docstrings


class Functions:
    """Metrics or bounds, by name; each is imported when it is asked for.

    Args:
        title: what they are, as messages say it: ``metrics of doa``.
        infos: what the catalogue knows of them.
    """

    def __init__(self, title: str, infos: Mapping[str, FunctionInfo]) -> None:
        self._title = title
        self._infos = infos

    def __getattr__(self, name: str) -> Any:
        """Return the function of this name."""
        if name.startswith("_") or name not in self._infos:
            raise AttributeError(f"no {name!r} in {self._title}; {one_of(name, self._infos)}")
        return catalogue.function(self._infos[name])

    def __dir__(self) -> list[str]:
        """Return the names."""
        return sorted(self._infos)

    def __repr__(self) -> str:
        """List them, with what each is called in tables."""
        return f"{self._title}\n" + _listed(
            {name: info.marks["label"] for name, info in self._infos.items()}
        )


class Area:
    """A running example: its methods and scenarios by their classes' names, metrics and bounds.

    ``mbdl.sparse_recovery.Lista`` is a method, ``mbdl.sparse_recovery.SparseRecovery`` a scenario,
    ``mbdl.sparse_recovery.metrics.nmse_db`` a metric, and ``mbdl.sparse_recovery.bounds`` the
    bounds. Printed, it lists them all.

    Args:
        name: of its folder in ``mbdl_repro/areas``.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    @property
    def metrics(self) -> Functions:
        """What its estimates are measured by."""
        return Functions(f"metrics of {self._name}", catalogue.metrics(self._name))

    @property
    def bounds(self) -> Functions:
        """What no estimate can beat, and other lines to compare with."""
        return Functions(f"bounds of {self._name}", catalogue.bounds(self._name))

    def __getattr__(self, name: str) -> Any:
        """Return the class of a method or of a scenario."""
        if name.startswith("_"):
            raise AttributeError(name)
        if name in (methods := self._methods()):
            return catalogue.method_class(methods[name])
        if name in (scenarios := self._scenarios()):
            return scenarios[name]
        raise AttributeError(f"{self._name} has no {name!r}; {one_of(name, dir(self))}")

    def __dir__(self) -> list[str]:
        """Return the names of its methods' and scenarios' classes, and the two groups."""
        return sorted([*self._methods(), *self._scenarios(), "metrics", "bounds"])

    def __repr__(self) -> str:
        """List what there is, the methods along the continuum."""
        blocks = [f"{self._name}, scenarios\n{_listed(_summaries(self._scenarios()))}"]
        methods = self._methods()
        for family in sorted({info.family for info in methods.values()}, key=lambda f: f.rank):
            of_family = {n: info for n, info in methods.items() if info.family is family}
            words = {n: docstrings.first_sentence(info.doc) for n, info in of_family.items()}
            blocks.append(f"{family.title} (Section {family.section})\n{_listed(words)}")
        return "\n".join([*blocks, repr(self.metrics), repr(self.bounds)])

    def _methods(self) -> dict[str, MethodInfo]:
        return {info.class_name: info for info in catalogue.methods(self._name).values()}

    def _scenarios(self) -> dict[str, type]:
        return {cls.__name__: cls for cls in catalogue.scenarios(self._name).values()}


def _summaries(classes: Mapping[str, type]) -> dict[str, str]:
    return {name: docstrings.first_sentence(cls.__doc__ or "") for name, cls in classes.items()}


def _listed(words: Mapping[str, str]) -> str:
    width = max(map(len, words), default=0)
    return "\n".join(f"  {name:{width}}  {text}" for name, text in words.items())
