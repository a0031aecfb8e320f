"""Arguments, as docstrings tell of them."""

from __future__ import annotations

import re
import textwrap


def arguments(doc: str) -> dict[str, str]:
    """Return what a docstring says of each argument.

    Args:
        doc: the docstring, its indentation taken away.
    """
    found = re.search(r"^Args:\n((?:[ ]+.*\n?)+)", doc, re.M)
    lines = textwrap.dedent(found[1]).splitlines() if found else []
    meanings: dict[str, str] = {}
    name = ""
    for line in lines:
        if match := re.match(r"(\w+): (.*)", line):
            name, meanings[match[1]] = match[1], match[2]
        elif name:
            meanings[name] += " " + line.strip()
    return meanings
