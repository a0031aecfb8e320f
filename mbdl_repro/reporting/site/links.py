"""Links of hand-written pages to files of the project, led to the pages that show them."""

from __future__ import annotations

import os.path
import re
from pathlib import Path

LINK = re.compile(r"(?<!!)\[((?:[^\[\]]|\[[^\]]*\])+)\]\(([^)\s:]+)\)")
SHOWN = {
    re.compile(r"workflow/(experiments|comparisons)/([^/]+)\.yaml"): r"\1/\2.md",
    re.compile(r"mbdl_repro/areas/(\w+)/methods/(\w+)\.py"): r"methods/\1/\2.md",
}
"""Files that a generated page shows, and which one."""


def led_to_pages(text: str, page: Path, root: Path) -> str:
    """Return a page's text, its links to files that a generated page shows led there.

    A link to a folder, which no browser shows offline, becomes its words.

    Args:
        text: in Markdown.
        page: where it stands, from the project's folder.
        root: the project's folder.
    """

    def led(found: re.Match[str]) -> str:
        words, link = found.groups()
        path, _, heading = link.partition("#")
        target = os.path.normpath(page.parent / path) if path else ""
        shown = page_of(target)
        if shown and not heading and (root / shown).exists():
            return f"[{words}]({os.path.relpath(shown, page.parent)})"
        if path and (root / target).is_dir():
            return words
        # A script is a page only where it is a notebook; elsewhere it is a file to open.
        is_script = path.endswith(".py") and not target.startswith("docs/")
        return f"[{words}](path:{link})" if is_script else found[0]

    return LINK.sub(led, text)


def page_of(path: str) -> Path | None:
    """Return the generated page that shows a file, or nothing.

    Args:
        path: of the file, from the project's folder.
    """
    for pattern, shown in SHOWN.items():
        if found := pattern.fullmatch(path):
            return GENERATED / found.expand(shown)
    return None


GENERATED = Path("docs/generated")
"""Where generated pages are written, from the project's folder."""
