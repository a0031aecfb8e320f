"""Experiments, methods, metrics and bounds are listed and explained."""

import pytest
from commands import mbdl, mistake

from mbdl_repro import catalogue

pytestmark = pytest.mark.usefixtures("store")


def test_examples_lists_experiments_with_the_state_of_their_results(store):
    store.figure("6.01_linear").unlink()
    lines = {line.split()[0]: line.split() for line in mbdl("examples").splitlines() if line}
    assert lines["5.06_lista"] == ["5.06_lista", "sparse_recovery", "3", "3", "made"]
    assert lines["6.01_linear"] == ["6.01_linear", "linear_estimation", "2", "2", "partly", "made"]
    store.table("5.06_lista").write_text("not as it was")
    assert "damaged" in mbdl("examples")
    assert "not made" in mbdl("examples", "--scale", "smoke")


def test_methods_follow_the_continuum():
    text = mbdl("methods", "--area", "sparse_recovery")
    order = [
        text.index(words)
        for words in ("model-based (Section 3)", "  ista", "learned objective", "  lista")
    ]
    assert order == sorted(order)
    assert "(parent: ista)" in text
    of_all = mbdl("methods")
    for area in catalogue.areas():
        assert all(f"    {name}" in of_all for name in catalogue.methods(area))


def test_explain_method():
    text = mbdl("explain", "lista")
    for words in (
        "lista: deep unfolding, learned objective (Section 5.3)",
        "learned: objective parameters",
        "parent: ista",
        "file: mbdl_repro/areas/sparse_recovery/methods/lista.py",
        "s_{k+1} = T_{β_k}",
        "Gregor and LeCun",
    ):
        assert words in text
    words = " ".join(text.split())
    assert "iterations int ≥ 1 required K, number of steps, or of layers." in words
    assert "step float > 0 or null null" in words
    assert "belief: knows H." in words
    assert "5.06_lista lista full 1234 iterations 5, rho 0.1" in words


def test_explain_takes_the_name_that_an_experiment_gives():
    assert mbdl("explain", "ista_book") == mbdl("explain", "ista")
    assert "rho one of 0.01, 0.02" in " ".join(mbdl("explain", "ista").split())


def test_explain_without_results_or_use(store):
    store.table("5.06_lista").unlink()
    assert "5.06_lista lista full ?" in " ".join(mbdl("explain", "lista").split())
    assert "no experiment uses it" in mbdl("explain", "fista")


def test_explain_bound_and_metric():
    assert "used in: 5.06_lista" in mbdl("explain", "oracle_least_squares")
    text = mbdl("explain", "squared_error", "--area", "linear_estimation")
    assert "label: squared error per signal" in text
    assert "used in: 6.01_linear" in text


def test_explain_names_what_there_is():
    assert "several areas: add --area, one of linear_estimation" in mistake(
        "explain", "squared_error"
    )
    assert "did you mean lista" in mistake("explain", "lisa")
    assert "no area 'spars3'" in mistake("explain", "ista", "--area", "spars3")
    assert "`mbdl methods` lists them" in mistake("explain", "nothing_like_it")


def test_names_of_methods_may_be_written_in_capitals():
    assert mbdl("explain", "LISTA") == mbdl("explain", "lista")
