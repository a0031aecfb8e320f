"""Which method when, in words: what the table says, no more."""

import pandas as pd
import pytest

from mbdl_repro.reporting.choices import choices, in_short, named, page
from mbdl_repro.store.records import read_table

KEPT = "results/comparisons/6_which_method_when.csv"


def row(legend: str, over: float, good: bool, **other: object) -> dict[str, object]:
    place = {"example": "sparse", "condition": "wrong H", "model": "wrong", "data": "little"}
    rest = {"n_train": 30, "budget": "any", "experiment": "e", "operations": 10.0}
    return {**place, **rest, "legend": legend, "over_best": over, "as_good": good} | other


@pytest.fixture
def table() -> pd.DataFrame:
    return pd.DataFrame(
        [
            row("dear", 0.0, True, operations=1000.0),
            row("cheap", 0.04, True, operations=10.0),
            row("near", 0.3, True),
            row("far", 3.0, False),
            row("small", 2.0, False, budget="small"),
            row("smaller", 5.0, False, budget="small"),
        ]
    )


def test_equals_are_named_by_what_they_cost_and_those_behind_are_not(table):
    first, second = choices(table)
    assert named(first) == "cheap (best); dear (best); near (+0.3 dB)"
    assert named(first, most=1) == "cheap (best); 2 more"
    assert named(second) == "small (+2.0 dB)"


def test_a_page_has_a_line_a_size_and_budget(table):
    text = page(table, "gallery.md")
    assert "## Sparse: wrong H" in text
    assert "| 30 | any | cheap (best); dear (best); near (+0.3 dB) |" in text
    assert "| 30 | a tenth | small (+2.0 dB) |" in text


def test_in_short_there_is_a_line_a_problem(table):
    last = in_short(table, "page.md").splitlines()[-1]
    assert last.endswith("| – | cheap (best); dear (best); 1 more | – |")


def test_what_the_kept_page_names_as_best_is_what_the_table_has():
    from pathlib import Path

    kept = read_table(Path(KEPT))
    text = Path("docs/results/which_method.md").read_text(encoding="utf-8")
    for choice in choices(kept):
        assert f"| {choice.n_train} | " in text
        assert f"| {named(choice)} |" in text
        assert all(one["as_good"] for one in choice.best) or len(choice.best) == 1
