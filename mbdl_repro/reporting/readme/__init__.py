"""The README's numbers and the pages of results, written from experiment files and results."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from mbdl_repro.errors import UserError, one_of
from mbdl_repro.reporting import choices
from mbdl_repro.reporting.problems import Problems
from mbdl_repro.reporting.readme.pages import (
    cited_page,
    costs_page,
    experiments_page,
    gallery_page,
    verdicts_page,
)
from mbdl_repro.reporting.readme.parts import PAGES, README, parts
from mbdl_repro.reporting.readme.results import Results
from mbdl_repro.reporting.site import printed

GUIDES = Path("docs")
NOTICE = "<!-- Written by `mbdl readme` from experiment files and results: do not edit. -->"


def pages() -> dict[Path, str]:
    """Return the README, the pages of results, and guides that print numbers, as results have them.

    Raises:
        UserError: if a result is missing or damaged, or the README marks a part that there is not.
    """
    results = Results()
    written = {
        "experiments": experiments_page(results),
        "gallery": gallery_page(results),
        "verdicts": verdicts_page(results),
        "costs": costs_page(results),
        "cited": cited_page(results),
    }
    if choices.CHOICE in results.comparisons:
        measured = Problems(results.experiments, results.table_of)
        written["which_method"] = choices.page(*results.choice, measured, "gallery.md")
    files = {PAGES / f"{name}.md": f"{NOTICE}\n\n{text}\n" for name, text in written.items()}
    texts = {page: page.read_text(encoding="utf-8") for page in sorted(GUIDES.glob("*.md"))}
    marked = {
        page: printed.filled(text) for page, text in texts.items() if printed.MARKED.search(text)
    }
    return {README: filled(README.read_text(encoding="utf-8"), parts(results)), **files, **marked}


def filled(text: str, parts: Mapping[str, str]) -> str:
    """Return a text with its marked parts replaced.

    A part stands between ``<!-- NAME: written by mbdl readme -->`` and ``<!-- end -->``, on lines
    of its own or within one.

    Args:
        text: in Markdown.
        parts: what belongs there, by name.

    Raises:
        UserError: if the text marks a part that there is not.
    """

    def replaced(match: re.Match[str]) -> str:
        begin, name, line, end = match.groups()
        if name not in parts:
            raise UserError(f"{README} marks a part {name!r}; {one_of(name, parts)}")
        return f"{begin}{line}{parts[name]}{line}{end}"

    marked = r"(<!-- (\w+): written by mbdl readme -->)(\n?).*?(<!-- end -->)"
    return re.sub(marked, replaced, text, flags=re.S)
