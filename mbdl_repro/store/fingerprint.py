"""Fingerprints of code: what changes when, and only when, what a stage computes may change.

Snakemake does not see changes in imported modules. So each rule carries the fingerprint of the
code that it stands on: the syntax trees, without comments and docstrings, of its modules and of
all that they import from this package.
"""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

from mbdl_repro.contract.hashing import digest

PACKAGE = Path(__file__).parents[1]

CARRIERS = frozenset(
    f"mbdl_repro.{name}"
    for name in (
        "catalogue",
        "errors",
        "contract.hashing",
        "experiments.claims",
        "experiments.experiment",
        "experiments.messages",
        "experiments.methods",
        "experiments.panels",
        "experiments.reading",
        "experiments.scale",
        "experiments.schema",
        "experiments.setup",
        "experiments.specs",
        "experiments.strict_yaml",
        "pipeline.job",
        "store.artifacts",
        "store.cells",
        "store.fingerprint",
    )
)
"""Modules that carry settings and bytes and compute no number. Checksums and tests watch over
them; were they in the fingerprints, a reworded error message would retrain everything."""


def fingerprint(*modules: str) -> dict[str, str]:
    """Return the hash of each module that these stand on, themselves included, by name."""
    found: dict[str, str] = {}
    queue = list(modules)
    while queue:
        module = queue.pop()
        if module in found or module in CARRIERS:
            continue
        digest, imported = _read(module)
        found[module] = digest
        queue.extend(imported)
    return dict(sorted(found.items()))


def module_path(module: str) -> Path | None:
    """Return the file of a module of this package, or None where there is none."""
    base = PACKAGE.joinpath(*module.split(".")[1:])
    for path in (base.with_suffix(".py"), base / "__init__.py"):
        if path.is_file():
            return path
    return None


@cache
def _read(module: str) -> tuple[str, tuple[str, ...]]:
    path = module_path(module)
    if path is None:
        raise FileNotFoundError(f"no module {module} in this package")
    tree = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
    imported = tuple(_imports(tree))
    return digest(ast.unparse(_without_docstrings(tree)))[:16], imported


def _imports(tree: ast.Module) -> list[str]:
    names = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            # `from package import name` imports a module where there is one of that name.
            inner = [f"{node.module}.{alias.name}" for alias in node.names]
            names += [node.module, *inner]
    own = (name for name in names if name.split(".")[0] == "mbdl_repro" and "." in name)
    return [name for name in own if module_path(name) is not None]


def _without_docstrings(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = [
                statement
                for statement in node.body
                if not (
                    isinstance(statement, ast.Expr)
                    and isinstance(statement.value, ast.Constant)
                    and isinstance(statement.value.value, str)
                )
            ]
    return tree
