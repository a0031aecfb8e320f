"""Shapes of arrays stand in signatures, as ``Annotated[Tensor, "(n, N, T)"]``, and in docstrings.

Sources are read, not imported: where nothing evaluates annotations they cost nothing.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "mbdl_repro"
AREAS = sorted(path.parent for path in PACKAGE.glob("areas/*/__init__.py"))
ARRAYS = {"Tensor", "np.ndarray"}
SHAPE = re.compile(r"\((?:\w+|\.\.\.|…)(?:, [^()]+)*,?\)")


def functions(area: Path) -> Iterator[tuple[str, ast.FunctionDef, str]]:
    """Yield the place of each public function, the function, and what is said of it."""
    for path in sorted(area.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        owners = [tree, *(node for node in tree.body if isinstance(node, ast.ClassDef))]
        for owner in owners:
            of_class = ast.get_docstring(owner) if isinstance(owner, ast.ClassDef) else ""
            for node in owner.body:
                if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                    said = f"{ast.get_docstring(node)} {of_class}"
                    yield f"{path.name}: {node.name}", node, " ".join(said.split())


def arguments_said(doc: str) -> dict[str, str]:
    """Return what the ``Args:`` of a docstring says of each name."""
    listed = re.search(r"^Args:\n((?:    .*\n?|\n(?=    ))+)", doc, re.M)
    entries = re.findall(r"^    (\w+): (.*(?:\n {5,}.*)*)", listed[1] if listed else "", re.M)
    return {name: " ".join(text.split()) for name, text in entries}


def shapes(annotation: ast.expr | None) -> list[str]:
    """Return the shapes that an annotation names."""
    return [
        node.slice.elts[1].value
        for node in ast.walk(annotation or ast.Constant(None))
        if isinstance(node, ast.Subscript)
        and ast.unparse(node.value) == "Annotated"
        and isinstance(node.slice, ast.Tuple)
        and isinstance(node.slice.elts[1], ast.Constant)
        and ast.unparse(node.slice.elts[0]) in ARRAYS
    ]


@pytest.mark.parametrize("area", AREAS, ids=[area.name for area in AREAS])
def test_a_shape_in_a_signature_is_one_that_the_docstring_names(area):
    named = [
        (place, shape, shape in said)
        for place, function, said in functions(area)
        for annotation in (*(a.annotation for a in function.args.args), function.returns)
        for shape in shapes(annotation)
    ]
    assert len(named) > 10
    assert not [(place, shape) for place, shape, is_said in named if not is_said]


@pytest.mark.parametrize("area", AREAS, ids=[area.name for area in AREAS])
def test_an_array_whose_shape_is_said_has_it_in_the_signature(area):
    bare = [
        (place, argument.arg)
        for place, function, _ in functions(area)
        for argument in (*function.args.args, *function.args.kwonlyargs)
        if argument.annotation is not None and ast.unparse(argument.annotation) in ARRAYS
        if SHAPE.search(arguments_said(ast.get_docstring(function) or "").get(argument.arg, ""))
    ]
    assert not bare
