"""Docstrings part into what they say, and types are put in words."""

from typing import Annotated, Literal

import pytest
from annotated_types import Ge, Gt, Len

from mbdl_repro.reporting import docstrings

DOC = """The best rule, of all. It is linear.

ŝ = C_s Hᵀ x,  where C_s is known

With μ ≤ 1/L it converges.

Args:
    belief: knows H
        and more.
    rho: ρ: a weight.

Source: Section 5.1,
    and ours.
"""


def test_docstring_in_parts():
    assert docstrings.first_sentence(DOC) == "The best rule, of all"
    paragraphs = docstrings.paragraphs(DOC)
    assert [docstrings.is_equation(paragraph) for paragraph in paragraphs] == [False, True, False]
    assert docstrings.source(DOC) == "Section 5.1, and ours."
    assert docstrings.source("Nothing.") == ""


@pytest.mark.parametrize(
    ("annotation", "text"),
    [
        (int, "int"),
        (Annotated[float, Gt(0)] | None, "float > 0 or null"),
        (Annotated[int, Ge(1)], "int ≥ 1"),
        (Literal["relu", "tanh"], "relu or tanh"),
        (tuple[int, ...], "list of int"),
        (Annotated[list[int], Len(2)], "list of int length ≥ 2"),
    ],
)
def test_kind(annotation, text):
    assert docstrings.kind(annotation) == text
