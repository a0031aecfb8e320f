"""Mathematics as MathML, which browsers show by themselves: nothing is downloaded or run."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.application import Sphinx
from sphinx.util import logging

SAME = {"{aligned}": "{align*}", r"\arg": r"\operatorname{arg}", r"\big\|": r"\|"}
"""What the converter does not know, and what it knows that says the same."""
LETTER = re.compile(r'<mi mathvariant="(script|double-struck)">([A-Za-z])</mi>')
UNKNOWN = re.compile(r">(&|\\[^<]*)<")
"""What the converter leaves as it was, as it does not know it."""

logger = logging.getLogger(__name__)


def mathml(latex: str, display: str) -> str:
    """Return a formula as MathML; what is not known in it is a warning.

    Args:
        latex: the formula.
        display: ``inline`` or ``block``.
    """
    for unknown, known in SAME.items():
        latex = latex.replace(unknown, known)
    found = LETTER.sub(_letter, convert(latex, display=display))
    if left := UNKNOWN.search(found):
        logger.warning("formula %r: %s is not known", latex, left[1])
    return found


def _letter(found: re.Match[str]) -> str:
    """Return a letter of an alphabet of its own: browsers heed no ``mathvariant``."""
    alphabet, letter = found[1].upper(), found[2]
    name = f"{alphabet} {'CAPITAL' if letter.isupper() else 'SMALL'} {letter.upper()}"
    for known in (f"MATHEMATICAL {name}", name):
        try:
            return f"<mi>{unicodedata.lookup(known)}</mi>"
        except KeyError:
            continue
    return found[0]


def show_inline(translator: Any, node: nodes.math) -> None:
    """Write a formula within a sentence."""
    translator.body.append(mathml(node.astext(), "inline"))
    raise nodes.SkipNode


def show_block(translator: Any, node: nodes.math_block) -> None:
    """Write a formula on lines of its own."""
    translator.body.append(f'<div class="math">{mathml(node.astext(), "block")}</div>')
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, Any]:
    """Tell Sphinx of the renderer ``mathml``."""
    app.add_html_math_renderer("mathml", (show_inline, None), (show_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
