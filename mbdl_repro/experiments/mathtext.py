"""Formulas in texts of figures, tried when a file is read: not after all training."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterator
from functools import cache
from typing import Any

from mbdl_repro.catalogue.memory import Memory
from mbdl_repro.experiments import limits
from mbdl_repro.experiments.messages import Problems, shown
from mbdl_repro.experiments.strict_yaml import Where

MEMORY = Memory("mathtext", [])
"""Texts that matplotlib could parse: to import its parser takes longer than to read all files."""


def check(problems: Problems, texts: Iterator[tuple[Where, str]]) -> None:
    """Note texts whose formulas matplotlib cannot parse.

    Args:
        problems: where mistakes are noted.
        texts: each with its key path.
    """
    checksum = importlib.metadata.version("matplotlib")
    good: set[str] = set(_remembered(checksum))
    new = set()
    for where, text in texts:
        if "$" not in text or text in good:
            continue
        if (problem := _problem(text)) is None:
            new.add(text)
        else:
            problems.note(where, f"{shown(text)}: matplotlib cannot read the formula: {problem}")
    if new:
        MEMORY.write(checksum, sorted(good | new))
        _remembered.cache_clear()


def texts_in(data: Any, where: Where) -> Iterator[tuple[Where, str]]:
    """Yield all texts in plain data.

    Args:
        data: texts, in dicts and lists of any depth.
        where: its key path.
    """
    if isinstance(data, str):
        yield where, data
    elif isinstance(data, dict):
        for key, value in data.items():
            yield from texts_in(value, (*where, key))
    elif isinstance(data, list):
        for i, value in enumerate(data):
            yield from texts_in(value, (*where, i))


@cache
def _remembered(checksum: str) -> tuple[str, ...]:
    kept = MEMORY.read(checksum)
    return tuple(kept) if isinstance(kept, list) else ()


def _problem(text: str) -> str | None:
    """Return what matplotlib's parser says of a text, in a line; None if it can read it."""
    from matplotlib import cbook
    from matplotlib.mathtext import MathTextParser

    for line in text.split("\n"):  # each is parsed by itself
        if not cbook.is_math_text(line):
            continue
        if len(line) > limits.FORMULA:
            return f"its line has {len(line)} characters; allowed are {limits.FORMULA}"
        try:
            MathTextParser("path").parse(line)
        except (ValueError, RuntimeError, RecursionError) as error:
            lines = str(error).splitlines() or ["nested too deep"]
            return lines[-1].strip() or lines[0].strip()
    return None
