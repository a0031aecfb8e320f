"""Pages that are made of experiments, methods and results, and links to what has one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

import mbdl_repro
from mbdl_repro.reporting.site import links, pages, printed

ROOT = Path(__file__).parents[2]
FACE = set(dir(mbdl_repro))


def write(app: Sphinx) -> None:
    """Write the pages, before Sphinx looks which there are; those that are as they were stay."""
    pages.write(ROOT)


def read(app: Sphinx, docname: str, content: list[str]) -> None:
    """Make a page's text that of the site.

    Its numbers are those that tables have now, its links to files lead to the pages that show
    them, and what a git host would show as code follows, from a file of the same name in
    ``docs/_site``.
    """
    page = Path(app.env.doc2path(docname)).relative_to(ROOT)
    if page.suffix != ".md":
        return
    content[0] = links.led_to_pages(printed.filled(content[0]), page, ROOT)
    more = ROOT / "docs/_site" / page.name
    if page.parent == Path("docs") and more.exists():
        app.env.note_dependency(str(more))
        content[0] += "\n" + more.read_text(encoding="utf-8")


def of_the_face(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, shown: nodes.Element
) -> nodes.Element | None:
    """Lead what docstrings call by its module to the name that users call it by."""
    name = node.get("reftarget", "").rpartition(".")[2]
    if node.get("refdomain") != "py" or name not in FACE:
        return None
    domain, page = env.domains["py"], node["refdoc"]
    target = f"mbdl_repro.{name}"
    return domain.resolve_xref(env, page, app.builder, "obj", target, node, shown)


def setup(app: Sphinx) -> dict[str, Any]:
    """Listen to the beginning of a build, and to each page's text."""
    app.connect("builder-inited", write)
    app.connect("source-read", read)
    app.connect("missing-reference", of_the_face)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
