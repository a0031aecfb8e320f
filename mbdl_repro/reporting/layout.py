"""How facts become pages of HTML: names of pages, and what templates need of words and numbers."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from mbdl_repro.contract.family import Family
from mbdl_repro.figures.style import COLOURS
from mbdl_repro.reporting import choices, docstrings, numbers
from mbdl_repro.reporting.facts.claims import Claim
from mbdl_repro.reporting.facts.words import area_title

BOOK = "https://doi.org/10.1561/2000000113"
MARKS = {"surpassed": "✓+", "holds": "✓", "fails": "✗", "undecided": "~", "not run": "–"}
TEMPLATES = Path(__file__).parent / "templates"


def page_of(name: str) -> str:
    """Return the name of the page of an experiment or a comparison."""
    return f"experiments/{name}.html"


def method_page(area: str, name: str) -> str:
    """Return the name of the page of a method.

    Args:
        area: the running example that it is a method of.
        name: its own name.
    """
    return f"methods/{area}.{name}.html"


def figure_file(name: str) -> str:
    """Return the name of the figure of an experiment or a comparison."""
    return f"figures/{name}.png"


def rendered(template: str, here: str, **words: Any) -> bytes:
    """Return a page.

    Args:
        template: the name of its template, without endings.
        here: the name of the page.
        words: what the template shows.
    """
    root = "../" * here.count("/")
    text = _environment().get_template(f"{template}.html.j2").render(here=here, root=root, **words)
    return re.sub(r"\n\s*\n+", "\n", text).lstrip().encode()


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("mbdl_repro.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "breakable": _breakable,
        "chance": _chance,
        "chances": _chances,
        "count": numbers.count,
        "decibels": choices.decibels,
        "over": _over,
        "prose": _prose,
        "seconds": numbers.seconds,
        "words": lambda name: str(name).replace("_", " "),
    }
    environment.globals |= {
        "area_title": area_title,
        "book": BOOK,
        "bound_colour": COLOURS[Family.BOUND],
        "colours": COLOURS,
        "figure_file": figure_file,
        "marks": MARKS,
        "method_page": method_page,
        "page_of": page_of,
    }
    return environment


def _prose(text: str) -> Markup:
    """Return a docstring's paragraph as HTML: what stands between back-quotes is code."""
    return Markup(docstrings.QUOTED.sub(r"<code>\2</code>", str(escape(text))))


def _breakable(name: str) -> Markup:
    """Return a name of a column that may go on in a new line after each part of it."""
    return Markup(str(escape(name)).replace("_", "_<wbr>"))


def _chance(value: float | None) -> str:
    return "" if value is None else f"{value:.2g}"


def _chances(claim: Claim) -> str:
    """Return a claim's p and q as they follow its effect."""
    known = {"p": claim.p, "q": claim.q}
    return "".join(f", {name} = {v:.2g}" for name, v in known.items() if v is not None)


def _over(value: float, unit: str) -> str:
    """Return how far something is from the best, in its unit."""
    return choices.decibels(value) if unit == "dB" else numbers.number(value)
