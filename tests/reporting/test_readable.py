"""Numbers show the digits that their intervals support; docstrings part into what they say."""

from typing import Annotated, Literal

import pytest
from annotated_types import Ge, Gt, Len

from mbdl_repro.contract.hashing import canonical
from mbdl_repro.reporting import readable

NAN = float("nan")


@pytest.mark.parametrize(
    ("value", "half_width", "text"),
    [
        (0.49029, 0.00123, "0.4903 ± 0.0012"),
        (1234.5, 123.0, "1234 ± 123"),
        (-0.98084, 0.2, "−0.98 ± 0.20"),
        (3.04e-5, 1.1e-6, "(3.04 ± 0.11)·10⁻⁵"),
        (1.5e6, 3e4, "(1.500 ± 0.030)·10⁶"),
        (0.514, 0.0, "0.5140"),
        (12345.6, 0.0, "12346"),
        (0.0, 0.0, "0"),
        (0.4923, NAN, "0.4923"),
        (NAN, NAN, "–"),
        (float("inf"), NAN, "∞"),
    ],
)
def test_number(value, half_width, text):
    assert readable.number(value, half_width) == text


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ((-0.98084, -1.17945, -0.78223), "−0.98 [−1.18, −0.78]"),
        ((1e-5, -2e-5, 4e-5), "(1.0 [−2.0, 4.0])·10⁻⁵"),
        ((0.2, 0.2, 0.2), "0.2000 [0.2000, 0.2000]"),
        ((0.2, NAN, NAN), "0.2000"),
        ((NAN, NAN, NAN), "–"),
    ],
)
def test_difference(values, text):
    assert readable.difference(*values) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0 s"),
        (0.026, "0.026 s"),
        (119, "119 s"),
        (130, "2.2 min"),
        (7300, "2 h"),
        (7e5, "194 h"),
    ],
)
def test_seconds(value, text):
    assert readable.seconds(value) == text


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
    assert readable.first_sentence(DOC) == "The best rule, of all"
    paragraphs = readable.paragraphs(DOC)
    assert [readable.is_equation(paragraph) for paragraph in paragraphs] == [False, True, False]
    assert readable.arguments(DOC) == {"belief": "knows H and more.", "rho": "ρ: a weight."}
    assert readable.source(DOC) == "Section 5.1, and ours."
    assert readable.source("Nothing.") == ""
    assert readable.arguments("Nothing.") == {}


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
    assert readable.kind(annotation) == text


@pytest.mark.parametrize(
    ("counts", "text"),
    [
        ({"0.2": 3}, "0.2 (3)"),
        ({"0.1": 1, "0.2": 3}, "0.1 (1), 0.2 (3); 1 of 4 at an end"),
        ({"0.4": 5}, "0.4 (5); 5 of 5 at an end"),
        ({"null": 2}, "null (2)"),
    ],
)
def test_what_was_chosen_out_of_a_list(counts, text):
    assert readable.chosen([None, 0.1, 0.2, 0.4], counts) == text


def test_what_was_chosen_out_of_lists():
    assert readable.chosen([[8], [8, 16]], {canonical([8, 16]): 2}) == "[8, 16] (2)"


def test_latex_signs():
    rows = [["ρ_λ & 5 %", "(1.0 ± 0.2)·10⁻⁵"]]
    assert r"$\rho$\_$\lambda$ \& 5 \% & (1.0 $\pm$ 0.2)$\cdot$10$^{-5}$ \\" in readable.as_latex(
        ["a", "b"], rows
    )


def test_markdown_bars():
    assert r"| a\|b |" in readable.as_markdown(["x"], [["a|b"]])
