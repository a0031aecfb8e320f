"""Which method when, in words: what the table says, no more."""

from math import log10
from pathlib import Path

import pandas as pd
import pytest

from mbdl_repro.areas.doa.scenario import Misplaced
from mbdl_repro.areas.sparse_recovery.scenario import SparseRecovery
from mbdl_repro.experiments import reading
from mbdl_repro.reporting.choices import choices, decibels, in_short, in_words, page
from mbdl_repro.reporting.problems import Problems, meaning_of
from mbdl_repro.store.paths import Store
from mbdl_repro.store.records import read_table

KEPT = Path("results/comparisons/6_which_method_when.csv")
SMALL = 0.1
"""The share of operations that is little, as the comparison has it."""


def row(legend: str, over: float, good: bool, **other: object) -> dict[str, object]:
    place = {"example": "sparse", "condition": "wrong H", "model": "wrong", "data": "little"}
    rest = {"n_train": 30, "budget": "any", "experiment": "e", "operations": 10.0}
    return {
        **place,
        **rest,
        "method": legend,
        "legend": legend,
        "over_best": over,
        "as_good": good,
    } | other


@pytest.fixture
def table() -> pd.DataFrame:
    return pd.DataFrame(
        [
            row("dear", 0.0, True, operations=10_000.0),
            row("cheap", 0.04, True, operations=2000.0),
            row("near", 0.3, True),
            row("far", 3.0, False),
            row("small", 2.0, False, budget="small"),
            row("smaller", 5.0, False, budget="small"),
        ]
    )


class Told:
    """What is measured of a problem that nobody measured."""

    def metric(self, *place):
        return "RMSPE", "rad"

    def error_in_words(self, *place):
        return "0.1 rad"

    def wrong(self, *place):
        return ("H is off.",)


def test_equals_are_named_by_what_they_cost_and_those_behind_are_not(table):
    first, second = choices(table, SMALL)
    assert [row["legend"] for row in first.named] == ["cheap", "dear", "near"]
    assert in_words(first) == "cheap (best); dear (best); 1 more"
    assert in_words(second) == "small (+2.0 dB)"


def test_a_page_has_a_line_a_method_with_plain_figures(table):
    text = page(table, SMALL, Told(), "gallery.md")
    assert "## Sparse: wrong H\n\nHow wrong: H is off.\n\n| training pairs |" in text
    assert "| 30 | any | cheap | 0.1 rad | best | 2,000 |" in text
    assert "|  |  | near | 0.1 rad | +0.3 dB | 10 |" in text
    # A tenth of what the one takes whose error is the least, not of the cheapest of equals.
    assert "| 30 | at most 1,000 | small | 0.1 rad | +2.0 dB | 10 |" in text


def test_in_short_there_is_a_line_a_problem(table):
    last = in_short(table, SMALL, "page.md").splitlines()[-1]
    assert last.endswith("| – | cheap (best); dear (best); 1 more | – |")
    # Of a problem whose model is never right, the link leads to the heading that there is.
    assert last.startswith("| [sparse](page.md#sparse-wrong-h) |")


def test_what_the_kept_page_names_as_best_is_what_the_table_has():
    kept = read_table(KEPT)
    text = Path("docs/results/which_method.md").read_text(encoding="utf-8")
    for choice in choices(kept, SMALL):
        assert f"| {choice.n_train} | {choice.allowed} | {choice.named[0]['legend']} | " in text
        assert all(one["as_good"] for one in choice.best) or len(choice.best) == 1


@pytest.fixture(scope="module")
def measured():
    scale = reading.load_scale("full")
    store = Store.of(scale)
    return Problems(reading.load_all(scale), lambda name: read_table(store.table(name)))


def test_errors_and_decibels_over_the_best_say_the_same(measured):
    """What one method is over another follows from their errors, by two ways through the tables."""
    kept = read_table(KEPT)
    place = ("direction of arrival", "wrong array")
    here = kept[(kept["example"] == place[0]) & (kept["condition"] == place[1])]
    here = here[(here["n_train"] == 300) & (here["budget"] == "any")]
    errors = {m: measured.error(*place, m, 300)[0] for m in here["method"]}
    for row in here.itertuples():
        assert 20 * log10(errors[row.method] / min(errors.values())) == pytest.approx(
            row.over_best, abs=1e-3
        )


def test_errors_have_their_unit_and_what_learns_nothing_has_one_at_any_size(measured):
    place = ("filtering", "wrong H")
    assert measured.metric(*place) == ("MSE", "dB")
    assert measured.error_in_words(*place, "ls_observation", 20).endswith(" dB")
    assert measured.error(*place, "kf_tuned", 20) == measured.error(*place, "kf_tuned", 1000)
    assert measured.metric("sparse recovery", "wrong H")[1] == ""


@pytest.mark.parametrize(
    ("place", "words"),
    [
        (
            ("filtering", "wrong H"),
            "observation_rotation_rad is believed to be 0, and is 0.17",
        ),
        (("sparse recovery", "wrong H"), "matrix_perturbation is believed to be 0, and is 0.1. A"),
        (("linear estimation", "wrong H"), "matrix_perturbation is believed to be 0.1, and is 0."),
        (("image restoration", "wrong kernel"), "blur_std is believed to be 1.3, and is 1.6: "),
    ],
)
def test_how_wrong_is_read_off_the_experiment(measured, place, words):
    (said,) = measured.wrong(*place)
    assert said.startswith(words)
    assert measured.wrong(place[0], "right") == ()


def test_a_field_means_what_the_docstring_says_of_a_designer_or_else_first():
    assert "off by about ε" in meaning_of(SparseRecovery, "matrix_perturbation")
    assert "sensor n is off its place" in meaning_of(Misplaced, "spacing_error")
    assert meaning_of(Misplaced, "no_such_field") == ""


def test_a_tenth_of_a_decibel_is_told():
    assert (decibels(0.04), decibels(0.3)) == ("best", "+0.3 dB")
