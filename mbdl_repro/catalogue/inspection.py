"""What methods, metrics and bounds say of themselves, once they are imported.

As a program it prints this as JSON, for :mod:`mbdl_repro.catalogue.memory`.
"""

from __future__ import annotations

import contextlib
import importlib
import inspect
import json
import sys
import traceback
import typing
from collections.abc import Callable, Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

from mbdl_repro.catalogue.annotations import ALLOWED, encode_type, encode_value
from mbdl_repro.catalogue.arguments import arguments
from mbdl_repro.contract.family import Family
from mbdl_repro.contract.method import IterativeMethod, Method
from mbdl_repro.contract.settings import keywords
from mbdl_repro.errors import UserError

AREAS = "mbdl_repro.areas"

Record = dict[str, Any]


def inspect_areas(folder: Path) -> dict[str, Record]:
    """Import the methods, metrics and bounds of all areas, and return what they say.

    Args:
        folder: that of the package ``mbdl_repro.areas``.

    Returns:
        For each area its ``methods``, ``metrics`` and ``bounds``, by name, as plain data that JSON
        can hold, and ``errors``: a message for each reason why some file is not among them.
    """
    return {
        path.parts[-3]: _inspect_area(path.parents[1])
        for path in sorted(folder.glob("*/methods/__init__.py"))
    }


def _inspect_area(folder: Path) -> Record:
    broken: dict[str, list[str]] = {}

    def described(path: Path, describe: Callable[[ModuleType], Record]) -> Record:
        inside = path.relative_to(folder.parent).with_suffix("").as_posix()
        try:
            return describe(_imported(f"{AREAS}/{inside}".replace("/", "."), folder))
        except UserError as error:
            broken.setdefault(str(error), []).append(_file(inside))
            return {}

    paths = [path for path in sorted(folder.glob("methods/*.py")) if path.stem != "__init__"]
    known = {"methods": {path.stem: described(path, describe_method) for path in paths}}
    for kind in ("metrics", "bounds"):
        path = folder / f"{kind}.py"
        known[kind] = described(path, describe_functions) if path.is_file() else {}
    errors = [
        f"{files[0]}{f' and {len(files) - 1} more' if len(files) > 1 else ''}: {reason}"
        for reason, files in broken.items()
    ]
    return known | {"errors": errors}


def _imported(name: str, folder: Path) -> ModuleType:
    try:
        return importlib.import_module(name)
    except Exception as error:  # whatever happens in a file that is being written
        frames = traceback.extract_tb(error.__traceback__)
        places = [f for f in frames if Path(f.filename).is_relative_to(folder)]
        place = ""
        if places and not isinstance(error, SyntaxError):  # which names its place itself
            inside = Path(places[-1].filename).relative_to(folder.parent).with_suffix("")
            place = f" ({_file(inside.as_posix())}, line {places[-1].lineno})"
        kind = type(error).__name__
        raise UserError(f"it cannot be imported: {kind}: {error}{place}") from error


def _file(inside: str) -> str:
    return f"{AREAS.replace('.', '/')}/{inside}.py"


# Methods ----------------------------------------------------------------------------------------


def describe_method(module: ModuleType) -> Record:
    """Return what the one public class of a method's module says of itself.

    Raises:
        UserError: it breaks the contract; the message says what is allowed, and not where.
    """
    *_, area, _, stem = module.__name__.split(".")
    cls = _public_class(module)
    if cls.__dict__.get("name") != stem:
        raise UserError(f'class {cls.__name__} must state name = "{stem}", as its file is called')
    family = getattr(cls, "family", None)
    if not isinstance(family, Family):
        allowed = ", ".join(Family.__members__)
        raise UserError(f"class {cls.__name__} must state family = Family.X; X is one of {allowed}")
    settings = _settings(cls)
    unknown = set(cls.not_fitted) - set(settings)
    if unknown:
        raise UserError(
            f"not_fitted names {', '.join(sorted(unknown))}; "
            f"allowed: its settings, {', '.join(settings) or '(none)'}"
        )
    counted_by = cls.counted_by if issubclass(cls, IterativeMethod) else None
    return {
        "name": stem,
        "area": area,
        "module": module.__name__,
        "path": f"areas/{area}/methods/{stem}.py",
        "class_name": cls.__name__,
        "family": family.name,
        "parent": cls.parent,
        "iterative": issubclass(cls, IterativeMethod),
        "counted_by": counted_by if counted_by in settings else None,
        "not_fitted": list(cls.not_fitted),
        "learns": family.learns and not cls.untrained,
        "needs_targets": cls.needs_targets,
        "fits_itself": cls._fit is not Method._fit,
        "doc": inspect.cleandoc(cls.__doc__ or ""),
        "meanings": _meanings(cls, ["belief", *settings]),
        "settings": settings,
    }


def _public_class(module: ModuleType) -> type[Method]:
    classes = {
        cls
        for cls in vars(module).values()
        if inspect.isclass(cls)
        and cls.__module__ == module.__name__
        and not cls.__name__.startswith("_")
    }
    if len(classes) != 1:
        names = f" ({', '.join(sorted(cls.__name__ for cls in classes))})" if classes else ""
        raise UserError(f"a method's file holds one public class, not {len(classes)}{names}")
    (cls,) = classes
    if not issubclass(cls, Method):
        raise UserError(f"class {cls.__name__} must derive from Method, or from a base that does")
    if inspect.isabstract(cls):
        missing = ", ".join(sorted(cls.__abstractmethods__))
        raise UserError(f"class {cls.__name__} must define {missing}")
    return cls


def _bases(cls: type[Method]) -> list[type]:
    """Return a class and its bases, from most to least specific, up to the contract's."""
    return list(cls.__mro__[: cls.__mro__.index(Method)])


def _settings(cls: type[Method]) -> Record:
    """Return the type and default of each setting: of each keyword that its constructor takes."""
    constructors = [base for base in _bases(cls) if "__init__" in vars(base)]
    if not constructors:
        raise UserError(f"class {cls.__name__} must have a constructor, which takes belief")
    _check_constructor(constructors[0])
    hints = {base: _type_hints(base) for base in constructors}
    settings: Record = {}
    for base, parameter in keywords(cls):
        if parameter.name not in settings:
            settings[parameter.name] = _setting(parameter, hints[base])
    return settings


def _check_constructor(cls: type) -> None:
    _, *parameters = inspect.signature(vars(cls)["__init__"]).parameters.values()
    if not parameters or parameters[0].name != "belief":
        raise UserError(f"the constructor of {cls.__name__} must take belief, and then settings")
    for parameter in parameters[1:]:
        if parameter.kind not in (parameter.KEYWORD_ONLY, parameter.VAR_KEYWORD):
            raise UserError(f"setting {parameter.name} must be a keyword: write it behind *, ")


def _type_hints(cls: type) -> dict[str, Any]:
    try:
        return typing.get_type_hints(vars(cls)["__init__"], include_extras=True)
    except Exception as error:  # an annotation is any expression
        raise UserError(
            f"a type in the constructor of {cls.__name__} cannot be read: "
            f"{type(error).__name__}: {error}; {ALLOWED}"
        ) from error


def _setting(parameter: inspect.Parameter, hints: dict[str, Any]) -> Record:
    if parameter.annotation is parameter.empty:
        raise UserError(f"setting {parameter.name} needs a type annotation; {ALLOWED}")
    try:
        record = {"type": encode_type(hints[parameter.name])}
        if parameter.default is not parameter.empty:
            record["default"] = encode_value(parameter.default)
    except TypeError as error:
        raise UserError(f"setting {parameter.name} has {error}") from error
    return record


def _meanings(cls: type[Method], names: Iterable[str]) -> dict[str, str]:
    """Return what is said of these arguments, by the class itself or else by a base."""
    docs = [arguments(inspect.cleandoc(base.__doc__ or "")) for base in _bases(cls)]
    said = {name: [doc[name] for doc in docs if name in doc] for name in names}
    return {name: meanings[0] for name, meanings in said.items() if meanings}


# Metrics and bounds -----------------------------------------------------------------------------


def describe_functions(module: ModuleType) -> Record:
    """Return what each marked function of a module says of itself, by its name."""
    return {
        name: {
            "name": name,
            "area": module.__name__.split(".")[-2],
            "module": module.__name__,
            "doc": inspect.getdoc(function) or "",
            "marks": function.marks,
            "arguments": list(inspect.signature(function).parameters),
        }
        for name, function in vars(module).items()
        if hasattr(function, "marks") and function.__module__ == module.__name__
    }


if __name__ == "__main__":
    # Whatever a file prints when it is imported is not to be taken for the answer.
    with contextlib.redirect_stdout(sys.stderr):
        known = inspect_areas(Path(importlib.import_module(AREAS).__path__[0]))
    print(json.dumps(known))
