"""What there is: areas, scenarios, methods, metrics and bounds, found by their files.

Methods, metrics and bounds are imported once, in a process of its own, and what they say of
themselves is remembered until a file changes: planning a run, listing the methods and checking an
experiment file then cost no import of torch.
"""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

from mbdl_repro.catalogue.annotations import decode_type, decode_value
from mbdl_repro.catalogue.memory import PACKAGE, Memory
from mbdl_repro.contract.family import Family
from mbdl_repro.contract.scenario import Scenario
from mbdl_repro.errors import UserError

MEMORY = Memory(
    "catalogue", ["errors.py", "areas", "catalogue", "contract", "learning", "statistics"]
)
"""Of all that a method's file imports, and of what reads it."""


@dataclasses.dataclass(frozen=True)
class Setting:
    """A keyword of a method's constructor: its type and default (``REQUIRED`` if it has none)."""

    annotation: Any
    default: Any


REQUIRED = object()


@dataclasses.dataclass(frozen=True)
class MethodInfo:
    """What a method's class says of itself."""

    name: str
    area: str
    module: str
    path: Path
    class_name: str
    family: Family
    parent: str | None
    iterative: bool
    counted_by: str | None
    """The setting that says how many iterations there are, where it has one."""
    not_fitted: tuple[str, ...]
    """Settings that a fit does not depend on: only how the fitted method answers."""
    learns: bool
    """Whether it is fitted to training data: as its family, unless it says ``untrained``."""
    needs_targets: bool
    """Whether its fit, or the choice of its settings, looks at targets."""
    fits_itself: bool
    """Whether it has a ``fit`` of its own, or of its area's base: not plain gradient descent."""
    doc: str
    meanings: dict[str, str]
    """What its docstring, or that of a base, says of the belief and of each setting."""
    settings: dict[str, Setting]


@dataclasses.dataclass(frozen=True)
class FunctionInfo:
    """What a metric or a bound says of itself: its decorator's words and its arguments."""

    name: str
    area: str
    module: str
    doc: str
    marks: dict[str, Any]
    arguments: tuple[str, ...]


@cache
def areas() -> tuple[str, ...]:
    """Return the names of the running examples: the folders that hold methods."""
    return tuple(sorted(path.parts[-3] for path in PACKAGE.glob("areas/*/methods/__init__.py")))


@cache
def scenarios(area: str) -> dict[str, type[Scenario]]:
    """Return the area's scenario classes by their names.

    They stand in ``scenario.py``, or, where there are many kinds, each in a file of ``systems/``.

    Raises:
        UserError: a class does not state the name of the area, or its own.
    """
    found: dict[str, type[Scenario]] = {}
    for module in _scenario_modules(area):
        found |= _scenarios_of(module, area)
    return found


@cache
def usual_scenario(area: str) -> str | None:
    """Return the kind of scenario that is meant where none is named; ``None``: none is.

    The only one, or the only one that stands in ``scenario.py``, beside those of ``systems/``.
    """
    kinds = scenarios(area)
    usual = [name for name, cls in kinds.items() if cls.__module__.endswith(".scenario")]
    return next(iter(kinds)) if len(kinds) == 1 else usual[0] if len(usual) == 1 else None


def _scenario_modules(area: str) -> list[Any]:
    package = f"mbdl_repro.areas.{area}"
    (folder,) = map(Path, importlib.import_module(package).__path__)
    paths = [*folder.glob("scenario.py"), *sorted(folder.glob("systems/[!_]*.py"))]
    inside = [path.relative_to(folder).with_suffix("").parts for path in paths]
    return [importlib.import_module(".".join((package, *parts))) for parts in inside]


def _scenarios_of(module: Any, area: str) -> dict[str, type[Scenario]]:
    found: dict[str, type[Scenario]] = {}
    for _, cls in inspect.getmembers(module, inspect.isclass):
        if not issubclass(cls, Scenario) or inspect.isabstract(cls):
            continue
        if getattr(cls, "area", None) != area:
            raise UserError(f'{_file(module)}: class {cls.__name__} must state area = "{area}"')
        if "name" in vars(cls):
            found[cls.name] = cls
        elif cls.__module__ == module.__name__:
            raise UserError(
                f"{_file(module)}: class {cls.__name__} must state its name, as in "
                f'name = "{cls.__name__.lower()}"'
            )
    return found


@cache
def methods(area: str) -> dict[str, MethodInfo]:
    """Return the area's methods by name, which is the name of their file.

    Raises:
        UserError: a file of the area cannot be imported, or breaks the contract.
    """
    return {name: _method_info(record) for name, record in _known(area, "methods").items()}


@cache
def metrics(area: str) -> dict[str, FunctionInfo]:
    """Return the area's metrics by name (raises as :func:`methods` does)."""
    return {name: _function_info(record) for name, record in _known(area, "metrics").items()}


@cache
def bounds(area: str) -> dict[str, FunctionInfo]:
    """Return the area's bounds by name (raises as :func:`methods` does)."""
    return {name: _function_info(record) for name, record in _known(area, "bounds").items()}


def method_class(info: MethodInfo) -> type:
    """Import and return the class of a method."""
    return getattr(importlib.import_module(info.module), info.class_name)


def function(info: FunctionInfo) -> Any:
    """Import and return the function of a metric or a bound."""
    return getattr(importlib.import_module(info.module), info.name)


def _known(area: str, kind: str) -> dict[str, Any]:
    """Return the records of an area, none of which is to be relied on while a file is broken."""
    known = _recalled().get(area, {})
    if known.get("errors"):
        raise UserError("\n".join(known["errors"]))
    return known.get(kind, {})


@cache
def _recalled() -> dict[str, dict[str, Any]]:
    """Return the records of all areas: remembered, or learned from a process of its own.

    Raises:
        UserError: that process came to a bad end.
    """
    sources = MEMORY.checksum()
    remembered: dict[str, dict[str, Any]] | None = MEMORY.read(sources)
    if remembered is not None:
        return remembered
    areas = _learned()
    # What is broken may be so for want of a package, and a file may have been edited meanwhile.
    if not any(area["errors"] for area in areas.values()) and MEMORY.checksum() == sources:
        MEMORY.write(sources, areas)
    return areas


def _learned() -> dict[str, dict[str, Any]]:
    """Import all methods, metrics and bounds in a process of its own, which loads torch."""
    # -P: of the current folder nothing is imported, which may hold another copy of the package.
    command = [sys.executable, "-P", "-m", "mbdl_repro.catalogue.inspection"]
    paths = [str(PACKAGE.parent), os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))}
    result = subprocess.run(command, env=environment, capture_output=True, check=False)
    try:
        areas: dict[str, dict[str, Any]] = json.loads(result.stdout)
    except ValueError:
        said = result.stderr.decode(errors="replace").strip().splitlines()
        raise UserError(
            f"the methods cannot be imported: {said[-1] if said else 'Python gave no reason'}; "
            f"to see all that it said: {' '.join(command)}"
        ) from None
    return areas


def _method_info(record: dict[str, Any]) -> MethodInfo:
    settings = {
        name: Setting(
            decode_type(setting["type"]),
            decode_value(setting["default"]) if "default" in setting else REQUIRED,
        )
        for name, setting in record["settings"].items()
    }
    others = {
        "path": PACKAGE / record["path"],
        "family": Family[record["family"]],
        "not_fitted": tuple(record["not_fitted"]),
        "settings": settings,
    }
    return MethodInfo(**record | others)


def _function_info(record: dict[str, Any]) -> FunctionInfo:
    return FunctionInfo(**record | {"arguments": tuple(record["arguments"])})


def _file(module: Any) -> str:
    return module.__name__.replace(".", "/") + ".py"
