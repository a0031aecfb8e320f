"""Settings of methods and fields of scenarios, checked in Python as they are in a file."""

from __future__ import annotations

import dataclasses
import inspect
import re
import typing
from abc import ABCMeta
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError

from mbdl_repro.errors import one_of

WORDS = {
    "bool_type": "should be true or false",
    "dict_type": "should be a mapping of keys to values",
    "finite_number": "should be a finite number",
    "float_type": "should be a number",
    "int_type": "should be a whole number",
    "list_type": "should be a list",
    "string_too_short": "should not be empty",
    "string_type": "should be text",
    "too_long": "should not be so long: at most {max_length} allowed",
    "too_short": "should not be so short: at least {min_length} needed",
    "tuple_type": "should be a list",
}
"""What messages call each kind of mistake in a value; others as pydantic does."""


@cache
def adapter(kind: Any) -> TypeAdapter[Any]:
    """Return what checks values of a type, in which no number is infinite."""
    return TypeAdapter(kind, config=ConfigDict(allow_inf_nan=False))


def expectation(detail: Mapping[str, Any]) -> str:
    """Return what is expected of a value.

    Args:
        detail: one of the errors that pydantic found.
    """
    kind = detail["type"]
    if kind == "literal_error":
        return one_of(detail["input"], re.findall("'(.*?)'", detail["ctx"]["expected"]))
    if kind in WORDS:
        return WORDS[kind].format_map(detail.get("ctx", {}))
    words: str = detail["msg"].replace("Input should", "should")
    return words


def checked(name: str, types: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return values as their types have them: a list or an array is a tuple, of tuples.

    Args:
        name: what messages call whatever they are for.
        types: of all that are known, with their limits.
        given: values by name; one that is not known is left as it is.

    Raises:
        ValueError: a value that its type does not allow.
    """
    values = dict(given)
    for key in values.keys() & types.keys():
        plain = _plain(values[key])
        try:
            values[key] = adapter(types[key]).validate_python(plain, strict=True)
        except ValidationError as error:
            # Of several types that are allowed, the one that fits furthest speaks.
            detail = max(error.errors(), key=lambda one: len(one["loc"]))
            inside = "".join(f"[{step}]" for step in detail["loc"] if isinstance(step, int))
            raise ValueError(
                f"{name}: {key}{inside} is {_shown(detail['input'])}: {expectation(detail)}"
            ) from None
    return values


def _plain(value: Any) -> Any:
    """Return a value without the types of NumPy and torch, and with tuples in place of lists."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    return tuple(map(_plain, value)) if isinstance(value, list | tuple) else value


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) < 80 else text[:77] + "..."


class Checked(ABCMeta):
    """The class of classes that check what they are built from.

    Of dataclasses these are the fields, of others the keywords of the constructor.
    """

    def __call__(cls, *args: Any, **given: Any) -> Any:
        """Build an instance, of values as their types have them.

        Raises:
            ValueError: a value that its type does not allow.
        """
        types = field_types(cls) if dataclasses.is_dataclass(cls) else _setting_types(cls)
        return super().__call__(*args, **checked(cls.__name__, types, given))

    @property
    def __signature__(cls) -> inspect.Signature:
        """What help and editors show: the constructor's, and not that of this class."""
        constructor = next(
            vars(base)["__init__"] for base in cls.__mro__ if "__init__" in vars(base)
        )
        _, *own = inspect.signature(constructor).parameters.values()
        shown = {p.name: p for p in own if p.kind not in (p.VAR_KEYWORD, p.KEYWORD_ONLY)}
        for parameter in own if dataclasses.is_dataclass(cls) else (p for _, p in keywords(cls)):
            shown.setdefault(parameter.name, parameter)
        return inspect.Signature(list(shown.values()))


@cache
def field_types(cls: type) -> dict[str, Any]:
    """Return the type of each field of a dataclass, with its limits."""
    hints = typing.get_type_hints(cls, include_extras=True)
    return {field.name: hints[field.name] for field in dataclasses.fields(cls)}


def keywords(cls: type) -> Iterator[tuple[type, inspect.Parameter]]:
    """Yield the keywords of a class's constructor, each with the class that says what it is.

    A constructor with ``**settings`` passes on to that of its base, whose keywords come next;
    arguments that are not keywords are what the derived class decides.
    """
    for base in cls.__mro__:
        if (constructor := vars(base).get("__init__")) is None:
            continue
        parameters = inspect.signature(constructor).parameters.values()
        yield from ((base, p) for p in parameters if p.kind is p.KEYWORD_ONLY)
        if all(p.kind is not p.VAR_KEYWORD for p in parameters):
            return


@cache
def _setting_types(cls: type) -> dict[str, Any]:
    """Return the type of each setting, as the most derived class has it."""
    types: dict[str, Any] = {}
    for base, parameter in keywords(cls):
        hints = typing.get_type_hints(vars(base)["__init__"], include_extras=True)
        types.setdefault(parameter.name, hints.get(parameter.name, Any))
    return types
