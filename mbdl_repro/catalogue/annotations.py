"""Types and defaults of settings as JSON, so that they can be remembered."""

from __future__ import annotations

import dataclasses
import types
import typing
from typing import Any

import annotated_types

WORDS = {kind.__name__: kind for kind in (int, float, bool, str, tuple, list, dict)} | {
    "None": types.NoneType,
    "...": ...,
}
LIMITS = {name: getattr(annotated_types, name) for name in ("Gt", "Ge", "Lt", "Le", "Len")}
CONTAINERS = {"tuple": tuple, "list": list, "dict": dict}
ALLOWED = (
    f"allowed: int, float, bool, str, None, Literal, tuple, list, dict, unions of these, and "
    f"Annotated with {', '.join(LIMITS)}"
)


def encode_type(annotation: Any) -> Any:
    """Return a type as JSON: its word, or its word with its parts.

    Raises:
        TypeError: it is none of those that a setting may have.
    """
    for word, kind in WORDS.items():
        if annotation is kind:
            return word
    origin, parts = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Literal:
        return {"Literal": [encode_value(part) for part in parts]}
    if origin is typing.Annotated:
        return {"Annotated": [encode_type(parts[0]), *map(_encode_limit, parts[1:])]}
    if origin in (typing.Union, types.UnionType):
        return {"Union": [encode_type(part) for part in parts]}
    if origin in CONTAINERS.values():
        return {origin.__name__: [encode_type(part) for part in parts]}
    raise TypeError(f"the type {getattr(annotation, '__name__', annotation)}; {ALLOWED}")


def decode_type(code: Any) -> Any:
    """Return the type that :func:`encode_type` made this of."""
    if isinstance(code, str):
        return WORDS[code]
    ((word, parts),) = code.items()
    if word == "Literal":
        return typing.Literal[tuple(map(decode_value, parts))]
    if word in LIMITS:
        return LIMITS[word](**parts)
    forms: dict[str, Any] = {"Annotated": typing.Annotated, "Union": typing.Union, **CONTAINERS}
    return forms[word][tuple(map(decode_type, parts))]


def encode_value(value: Any) -> Any:
    """Return plain data as JSON, in which tuples are not lists.

    Raises:
        TypeError: it is not plain data.
    """
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, tuple | list):
        return {type(value).__name__: [encode_value(entry) for entry in value]}
    if isinstance(value, dict):
        return {"dict": [[encode_value(k), encode_value(v)] for k, v in value.items()]}
    raise TypeError(
        f"a default or choice of the type {type(value).__name__}; "
        "allowed: numbers, true and false, text, None, and tuples, lists and dicts of these"
    )


def decode_value(code: Any) -> Any:
    """Return the plain data that :func:`encode_value` made this of."""
    if not isinstance(code, dict):
        return code
    ((word, entries),) = code.items()
    if word == "dict":
        return {decode_value(k): decode_value(v) for k, v in entries}
    return CONTAINERS[word](map(decode_value, entries))


def _encode_limit(limit: Any) -> Any:
    name = type(limit).__name__
    if LIMITS.get(name) is not type(limit):
        raise TypeError(f"the limit {limit!r}; {ALLOWED}")
    return {name: {key: encode_value(value) for key, value in dataclasses.asdict(limit).items()}}
