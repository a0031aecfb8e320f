"""What there is: areas, scenarios, methods, metrics and bounds, found by their files.

Methods, metrics and bounds are read as syntax trees, not imported: planning a run, listing the
methods and checking an experiment file then cost no import of torch.
"""

from __future__ import annotations

import ast
import dataclasses
import importlib
import inspect
import re
import typing
from functools import cache
from pathlib import Path
from typing import Any

import annotated_types

from mbdl_repro.contract.family import Family
from mbdl_repro.contract.scenario import Scenario

PACKAGE = Path(__file__).parent


@dataclasses.dataclass(frozen=True)
class Setting:
    """A keyword of a method's constructor: its type and default (``REQUIRED`` if it has none)."""

    annotation: Any
    default: Any


REQUIRED = object()


@dataclasses.dataclass(frozen=True)
class MethodInfo:
    """What a method's file says of it."""

    name: str
    area: str
    module: str
    path: Path
    class_name: str
    family: Family
    parent: str | None
    iterative: bool
    counted_by: str | None
    """Setting that says how many iterations are made at most; None: none does."""
    not_fitted: tuple[str, ...]
    """Settings that a fit does not depend on: only how the fitted method answers."""
    learns: bool
    """Whether it is fitted to training data: as its family, unless it says ``untrained``."""
    fits_itself: bool
    """Whether it has a ``fit`` of its own, or of its area's base: not plain gradient descent."""
    doc: str
    settings: dict[str, Setting]


@dataclasses.dataclass(frozen=True)
class FunctionInfo:
    """What the file says of a metric or a bound: its decorator's words and its arguments."""

    name: str
    module: str
    doc: str
    marks: dict[str, Any]
    arguments: tuple[str, ...]


@cache
def areas() -> tuple[str, ...]:
    """Return the names of the running examples: the folders that hold a scenario."""
    return tuple(sorted(path.parent.name for path in PACKAGE.glob("areas/*/scenario.py")))


@cache
def scenarios(area: str) -> dict[str, type[Scenario]]:
    """Return the area's scenario classes by snake-case name."""
    module = importlib.import_module(f"mbdl_repro.areas.{area}.scenario")
    return {
        re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower(): cls
        for name, cls in inspect.getmembers(module, inspect.isclass)
        if issubclass(cls, Scenario) and cls.__module__ == module.__name__
    }


@cache
def methods(area: str) -> dict[str, MethodInfo]:
    """Return the area's methods by name, which is the name of their file."""
    paths = sorted((PACKAGE / "areas" / area / "methods").glob("*.py"))
    return {path.stem: _method_info(path, area) for path in paths if path.stem != "__init__"}


@cache
def metrics(area: str) -> dict[str, FunctionInfo]:
    """Return the area's metrics by name."""
    return _marked_functions(area, "metrics", "metric")


@cache
def bounds(area: str) -> dict[str, FunctionInfo]:
    """Return the area's bounds by name."""
    return _marked_functions(area, "bounds", "bound")


def method_class(info: MethodInfo) -> type:
    """Import and return the class of a method."""
    return getattr(importlib.import_module(info.module), info.class_name)


def function(info: FunctionInfo) -> Any:
    """Import and return the function of a metric or a bound."""
    return getattr(importlib.import_module(info.module), info.name)


def _method_info(path: Path, area: str) -> MethodInfo:
    tree = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name[0] != "_"]
    if len(classes) != 1:
        raise SyntaxError(f"{path}: a method's file holds one public class, not {len(classes)}")
    (node,) = classes
    marks = {
        target.id: statement.value
        for statement in node.body
        if isinstance(statement, ast.Assign | ast.AnnAssign) and statement.value is not None
        for target in (
            statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        )
        if isinstance(target, ast.Name)
    }
    family = marks.get("family")
    if not isinstance(family, ast.Attribute) or family.attr not in Family.__members__:
        raise SyntaxError(
            f"{path}: class {node.name} must say `family = Family.X`; "
            f"X is one of {', '.join(Family.__members__)}"
        )
    parent = marks.get("parent")
    not_fitted = marks.get("not_fitted")
    untrained = marks.get("untrained")
    iterative = any(isinstance(b, ast.Name) and b.id == "IterativeMethod" for b in node.bases)
    counted_by = ast.literal_eval(marks.get("counted_by", ast.Constant("iterations")))
    settings = _settings(node, path)
    return MethodInfo(
        name=path.stem,
        area=area,
        module=f"mbdl_repro.areas.{area}.methods.{path.stem}",
        path=path,
        class_name=node.name,
        family=Family[family.attr],
        parent=ast.literal_eval(parent) if parent is not None else None,
        not_fitted=ast.literal_eval(not_fitted) if not_fitted is not None else (),
        learns=Family[family.attr].learns
        and not (untrained is not None and ast.literal_eval(untrained)),
        fits_itself=_defines(node, tree, "fit"),
        iterative=iterative,
        counted_by=counted_by if iterative and counted_by in settings else None,
        doc=ast.get_docstring(node) or "",
        settings=settings,
    )


def _defines(node: ast.ClassDef, tree: ast.Module, name: str) -> bool:
    """Return whether a class defines a method, or a base of it does that an area's module has."""
    if any(isinstance(item, ast.FunctionDef) and item.name == name for item in node.body):
        return True
    bases = {base.id for base in node.bases if isinstance(base, ast.Name)}
    for item in tree.body:
        if not isinstance(item, ast.ImportFrom) or not (item.module or "").startswith("mbdl_repro"):
            continue
        path = PACKAGE.joinpath(*str(item.module).split(".")[1:]).with_suffix(".py")
        if path == PACKAGE / "contract/method.py" or not bases & {
            alias.name for alias in item.names
        }:
            continue
        there = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
        found = (n for n in there.body if isinstance(n, ast.ClassDef) and n.name in bases)
        if any(_defines(base, there, name) for base in found):
            return True
    return False


def _settings(node: ast.ClassDef, path: Path) -> dict[str, Setting]:
    for item in node.body:
        if isinstance(item, ast.FunctionDef) and item.name == "__init__":
            arguments = zip(item.args.kwonlyargs, item.args.kw_defaults, strict=True)
            return {
                argument.arg: Setting(
                    _annotation(argument, path),
                    REQUIRED if default is None else ast.literal_eval(default),
                )
                for argument, default in arguments
            }
    return {}


def _annotation(argument: ast.arg, path: Path) -> Any:
    """Evaluate the annotation of a setting, in the few words that settings are made of."""
    words = {name: getattr(typing, name) for name in ("Annotated", "Literal")}
    words |= {name: getattr(annotated_types, name) for name in ("Gt", "Ge", "Lt", "Le", "Len")}
    words |= {t.__name__: t for t in (int, float, bool, str, tuple, list, dict)}
    if argument.annotation is None:
        raise SyntaxError(f"{path}: setting {argument.arg} needs a type annotation")
    return eval(ast.unparse(argument.annotation), {"__builtins__": {}}, words)


def _marked_functions(area: str, module: str, mark: str) -> dict[str, FunctionInfo]:
    path = PACKAGE / "areas" / area / f"{module}.py"
    if not path.is_file():
        return {}
    tree = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
    infos = {}
    for node in tree.body:
        if not isinstance(node, ast.FunctionDef):
            continue
        for decorator in node.decorator_list:
            if (
                isinstance(decorator, ast.Call)
                and isinstance(decorator.func, ast.Name)
                and decorator.func.id == mark
            ):
                infos[node.name] = FunctionInfo(
                    name=node.name,
                    module=f"mbdl_repro.areas.{area}.{module}",
                    doc=ast.get_docstring(node) or "",
                    marks={k.arg or "": ast.literal_eval(k.value) for k in decorator.keywords},
                    arguments=tuple(a.arg for a in (*node.args.args, *node.args.kwonlyargs)),
                )
    return infos
