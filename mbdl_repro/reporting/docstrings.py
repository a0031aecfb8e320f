"""Docstrings parted into what they say, and types of settings in words."""

from __future__ import annotations

import dataclasses
import re
import shutil
import textwrap
import types
import typing
from typing import Any

QUOTED = re.compile(r"(?::\w+:)?(`{1,2})~?(.+?)\1")
"""What stands between back-quotes in a docstring, perhaps with its role before them."""


def first_sentence(doc: str) -> str:
    """Return the first paragraph's first sentence, on one line."""
    paragraph = " ".join(doc.split("\n\n")[0].split())
    return re.split(r"(?<=[.:]) (?=[A-Z])", paragraph)[0].rstrip(".:")


def paragraphs(doc: str) -> list[str]:
    """Return a docstring's paragraphs, without its lists of arguments and the like."""
    apart = re.compile(r"(Args|Returns|Raises|Source):")
    return [paragraph for paragraph in doc.split("\n\n") if not apart.match(paragraph)]


def source(doc: str) -> str:
    """Return where a docstring says that its content comes from."""
    found = re.search(r"^Source: (.+?)(?:\n\n|\Z)", doc, re.M | re.S)
    return " ".join(found[1].split()) if found else ""


def wrapped(text: str, indent: str = "") -> str:
    """Return prose, refilled, or an equation, as typed, to fit the terminal or 80 columns.

    Args:
        text: one paragraph.
        indent: spaces before prose; later lines of it have twice as many.
    """
    width = min(shutil.get_terminal_size().columns, 100)
    if is_equation(text):
        lines = text.splitlines()
        if max(map(len, lines)) + 4 > width:
            lines = [part for line in lines for part in re.split(r"(?<=\S)  +", line)]
        return textwrap.indent("\n".join(lines), "    ")
    unquoted = QUOTED.sub(r"\2", text)
    return textwrap.fill(unquoted, width, initial_indent=indent, subsequent_indent=2 * indent)


def is_equation(paragraph: str) -> bool:
    """Return whether a paragraph is a formula, to be shown as it is typed, and not prose."""
    if not re.search(r"[=≈≤≥<>∝←∈~]", paragraph):
        return False
    words = re.findall(r"\b[A-Za-z][a-z]{2,}\b", paragraph)
    return len(words) < len(paragraph.split()) / 4 or not paragraph.rstrip().endswith((".", ":"))


def kind(annotation: Any) -> str:
    """Return a setting's type in words, as experiment files mean it."""
    origin, parts = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return " ".join([kind(parts[0]), *(limit(mark) for mark in parts[1:])])
    if origin is typing.Literal:
        return " or ".join(map(str, parts))
    if origin in (typing.Union, types.UnionType):
        return " or ".join(kind(part) for part in parts)
    if origin in (tuple, list):
        return f"list of {kind(parts[0])}"
    return "null" if annotation is types.NoneType else str((origin or annotation).__name__)


def limit(mark: Any) -> str:
    """Return what a mark of :mod:`annotated_types` asks for."""
    signs = {"gt": ">", "ge": "≥", "lt": "<", "le": "≤", "min_length": "length ≥"}
    return " ".join(
        f"{signs.get(key, key.replace('_', ' '))} {value}"
        for key, value in dataclasses.asdict(mark).items()
        if value is not None
    )
