"""Equations of docstrings, which are typed as plain text, shown as they are typed."""

from __future__ import annotations

import re
from typing import Any

from sphinx.application import Sphinx

from mbdl_repro.reporting.docstrings import is_equation


def as_typed(
    app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]
) -> None:
    """Make each paragraph that is a formula a block of its own, in place; prose stays prose."""
    parts = "\n".join(lines).split("\n\n")
    shown = [_block(part) if _is_formula(part) else _prose(part) for part in parts]
    lines[:] = "\n\n".join(shown).splitlines()


def _is_formula(paragraph: str) -> bool:
    return not paragraph.startswith((":", "..", " ")) and is_equation(paragraph)


def _prose(paragraph: str) -> str:
    """Return it with bars that begin no substitution, and meanings, ``M.``, that begin no list."""
    paragraph = re.sub(r"(?<!\\)\|", r"\\|", paragraph)
    return re.sub(r"^(:\w+ \w+: )(\w\.)$", r"\1\\\2", paragraph, flags=re.M)


def _block(paragraph: str) -> str:
    body = "\n".join(f"   {line}" for line in paragraph.splitlines())
    return f".. code-block:: text\n   :class: equation\n\n{body}"


def setup(app: Sphinx) -> dict[str, Any]:
    """Listen to docstrings as they are read, after napoleon."""
    app.connect("autodoc-process-docstring", as_typed, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
