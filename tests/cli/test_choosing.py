"""The command that says which methods so many pairs and operations allow."""

import json

from commands import mbdl, mistake

ASKED = ["choose", "sparse_recovery", "--pairs", "100", "--operations", "1e6", "--model", "wrong"]


def test_it_shows_the_ranking_and_the_experiment_that_says_so():
    text = mbdl(*ASKED)
    assert "sparse recovery, wrong H (measured by continuum_sparse)" in text
    rows = json.loads(mbdl(*ASKED, "--json"))[0]["rows"]
    assert [row["over_bound"] for row in rows] == sorted(row["over_bound"] for row in rows)
    assert max(row["operations"] for row in rows) <= 1e6
    places = [text.index(f" {row['legend'].split(',')[0]}"[:20]) for row in rows]
    assert places == sorted(places)


def test_a_problem_that_nobody_measured():
    assert "no comparison has measured 'radar'" in mistake("choose", "radar", "--pairs", "1")
