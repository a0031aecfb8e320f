"""Which method for so many pairs and operations: what the kept tables say, and nothing beyond."""

import math

import pytest

import mbdl_repro as mbdl
from mbdl_repro.errors import UserError


@pytest.fixture(scope="module")
def found():
    return mbdl.choose("sparse_recovery", pairs=100, operations=1e6, model="wrong")


def test_it_ranks_what_can_be_afforded_by_the_error_over_the_bound(found):
    (ranking,) = found.rankings
    assert (ranking.example, ranking.condition) == ("sparse recovery", "wrong H")
    assert (ranking.rows["operations"] <= 1e6).all()
    assert ranking.rows["over_bound"].is_monotonic_increasing
    operations = mbdl.table("6_which").query(
        "example == 'sparse recovery' and condition == 'wrong H' and n_train == 30"
    )
    affordable = operations.query("budget == 'any' and operations <= 1e6")
    assert set(ranking.rows["method"]) == set(affordable["method"])


def test_its_numbers_are_those_of_the_experiment(found):
    """Decibels over the bound once more, from the experiment's own table."""
    table = mbdl.table("continuum_sparse").query("metric == 'squared_error' and iteration.isna()")
    table = table[table["matrix_perturbation"] == 0.1]
    bound = table.loc[table["method"] == "oracle_bayes", "mean"].iloc[0]
    for row in found.table.itertuples():
        here = table[(table["method"] == row.method) & table["n_train"].isin([0, 30])]
        assert row.error == here["mean"].item()
        assert row.over_bound == pytest.approx(10 * math.log10(row.error / bound), abs=1e-3)
        more = table[(table["method"] == row.method) & table["n_train"].isin([0, 300])]
        assert row.with_more == pytest.approx(
            10 * math.log10(more["mean"].item() / bound), abs=1e-3
        )


def test_what_was_not_measured_is_said(found):
    (ranking,) = found.rankings
    assert "Measured with 30, 300, 3000 pairs, not with 100: ranked by 30." in ranking.notes
    assert any("is believed to be 0, and is 0.1" in note for note in ranking.notes)
    (best,) = (note for note in ranking.notes if note.startswith("The best of all, "))
    assert "takes 1,2" in best
    far = mbdl.choose("filtering", pairs=10**6, model="right").rankings[0]
    assert far.notes == (
        "Nothing was measured near 1000000 pairs: ranked by 1000, the most there were.",
    )


def test_a_size_that_was_measured_needs_no_note():
    (ranking,) = mbdl.choose("smoothing", pairs=20, model="right").rankings
    assert ranking.notes == ()
    assert set(ranking.rows["n_more"]) == {0}
    assert "with " not in str(ranking)


def test_with_fewer_pairs_than_were_tried_only_what_looks_at_none_is_ranked():
    (ranking,) = mbdl.choose("linear estimation", pairs=3, model="right").rankings
    assert set(ranking.rows["n_parameters"]) == {0}
    assert ranking.notes[0].startswith("Measured with 50, 300, 3000 pairs. With 3, only what")


def test_with_too_few_operations_the_least_is_named():
    (ranking,) = mbdl.choose("filtering", pairs=20, operations=1, model="right").rankings
    assert ranking.rows.empty
    assert ranking.notes[-1].startswith("No method takes 1 operations or fewer: the least is ")
    assert "dB over" not in str(ranking)


def test_where_there_is_no_bound_it_is_the_best_that_they_are_over():
    (ranking,) = mbdl.choose("image", pairs=100, model="wrong").rankings
    assert "No bound is known: decibels are over the best of all with 100 pairs." in ranking.notes
    assert "dB over the best" in str(ranking)
    assert ranking.rows["over_best"].is_monotonic_increasing


def test_a_running_example_has_all_its_problems():
    found = mbdl.choose("tracking", pairs=100)
    assert [(one.example, one.condition) for one in found.rankings] == [
        ("filtering", "right"),
        ("filtering", "wrong H"),
        ("smoothing", "right"),
        ("smoothing", "wrong H"),
        ("control", "wrong plant"),
    ]
    assert len(found.table) == sum(len(one.rows) for one in found.rankings)


def test_sizes_that_share_a_name_are_not_mixed():
    """2, 5 and 10 frames are all "some" data: ranked by what was measured at 10."""
    (ranking,) = mbdl.choose("receivers", pairs=10, model="wrong").rankings
    assert ranking.rows["over_bound"].is_monotonic_increasing
    assert ranking.rows["method"].iloc[0] == "viterbinet"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            {"problem": "radar", "pairs": 1},
            "no comparison has measured 'radar'; .*tracking",
        ),
        ({"problem": "tracking", "pairs": -1}, "pairs is -1, .*: allowed are pairs of 0 or more"),
        ({"problem": "tracking", "pairs": 1, "operations": 0}, "operations above 0"),
        ({"problem": "tracking", "pairs": 1, "model": "rong"}, "no model 'rong'; did you mean wr"),
    ],
)
def test_a_wrong_argument_is_named(arguments, words):
    with pytest.raises(UserError, match=words):
        mbdl.choose(**arguments)
