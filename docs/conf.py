"""How Sphinx makes the documentation; ``python3 run.py docs`` runs it.

The source folder is the project's: so the README stands among the pages, and every link of a page
is right here as it is on a git host.
"""

import importlib.metadata
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parent / "_extensions")]

project = "mbdl-repro"
version = release = importlib.metadata.version(project)
copyright = "the mbdl-repro authors"
language = "en"

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "myst_nb",
    "sphinx_copybutton",
    "book_pages",
    "mathml",
    "typed_equations",
]
root_doc = "docs/index"
include_patterns = [
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "benchmarks/README.md",
    "docs/**",
]
# Folders that hold no page are not walked through.
exclude_patterns = [
    *("[.]*", "build", "dist", "figures", "mbdl_repro", "profiles", "results", "tests", "workflow"),
    *("docs/_*", "docs/conf.py"),
]
nitpicky = True
nitpick_ignore_regex = [
    # Types in signatures: of other packages, whose pages are not at hand offline, and inner ones.
    (r"py:(class|exc|data)", r".*"),
    (r"py:.*", r"mbdl_repro\.areas\..*"),
]

myst_enable_extensions = ["dollarmath", "deflist"]
myst_heading_anchors = 4

# Notebooks are kept as scripts, run when they have changed, and shown with what they printed.
nb_custom_formats = {".py": ["jupytext.reads", {"fmt": "py:percent"}]}
nb_execution_mode = "cache"
nb_execution_cache_path = str(Path(__file__).parents[1] / "build/notebooks")
nb_execution_timeout = 120
nb_execution_raise_on_error = True
nb_execution_show_tb = True

autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
napoleon_numpy_docstring = False
napoleon_use_rtype = False

html_theme = "furo"
html_title = "mbdl-repro"
html_static_path = ["_static"]
html_css_files = ["pages.css"]
html_math_renderer = "mathml"
html_copy_source = False
html_show_sourcelink = False
html_extra_path = ["_site/root"]
html_sidebars = {
    "**": [
        "sidebar/brand.html",
        "sidebar/search.html",
        "sidebar/scroll-start.html",
        "sidebar/navigation.html",
        "sidebar/scroll-end.html",
    ]
}
pygments_style = "friendly"
copybutton_prompt_text = "$ "
linkcheck_timeout = 20
linkcheck_anchors = False
