"""Text that is put into Markdown."""

from __future__ import annotations

import re

from mbdl_repro.reporting.docstrings import QUOTED

MARK = re.compile(r"([\\`*_<>|$\[\]~])")


def escaped(text: str) -> str:
    """Return a text in which Markdown finds no marks of its own.

    Args:
        text: in plain words.
    """
    return MARK.sub(r"\\\1", text.strip())


def prose(text: str) -> str:
    """Return a paragraph of a docstring on one line; what stands between back-quotes is code.

    Args:
        text: as it was typed.
    """
    parts, end = [], 0
    for found in QUOTED.finditer(text):
        parts += [MARK.sub(r"\\\1", text[end : found.start()]), f"`{found[2]}`"]
        end = found.end()
    return " ".join("".join([*parts, MARK.sub(r"\\\1", text[end:])]).split())
