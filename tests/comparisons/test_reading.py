"""Comparison files: what they give, and one message a mistake: file, line, value, and the cure."""

import importlib

import pytest

from mbdl_repro.comparisons import reading
from mbdl_repro.comparisons.reading import COMPARISONS, load, load_all, names
from mbdl_repro.errors import UserError
from mbdl_repro.experiments.reading import EXPERIMENTS

TEXT = """\
book: {example: null, section: "6", title: Mine, says: It is better.}
kind: data
caption: A caption.
shown:
  columns: 2
claims:
  - says: With little data it is better.
    source: Section 6.1
    left: {family: deep learning, data: little}
    relation: above
    right: {family: model-based deep learning, data: little}
    each: [example, condition]
  - says: It comes near.
    source: ours
    quantity: over_bound
    left: {family: deep learning, data: much}
    relation: within
    tolerance: 0.5
    right: 0.0
    at: {model: [right, wrong]}
    every: [example]
"""


@pytest.fixture
def write(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    COMPARISONS.mkdir(parents=True)

    def written(text: str, name: str = "6_mine") -> None:
        (COMPARISONS / f"{name}.yaml").write_text(text, encoding="utf-8")

    return written


def test_a_file_is_a_comparison(write):
    write(TEXT)
    mine = load("6_mine")
    assert (mine.kind, mine.spec.columns, len(mine.claims)) == ("data", 2, 2)
    assert [claim.written for claim in mine.claims] == ["before", "after"]
    assert mine.claims[1].at == {"model": ["right", "wrong"]}
    assert mine.file["caption"] == "A caption."


def test_a_file_that_changes_is_read_again(write):
    write(TEXT)
    first = load("6_mine")
    write(TEXT.replace("columns: 2", "columns: 1  #"))
    assert (first.spec.columns, load("6_mine").spec.columns) == (2, 1)


def test_where_there_is_no_folder_there_are_no_comparisons(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert names() == []


def test_files_come_in_the_order_of_their_names(write):
    for name in ("6.2_b", "6_a", "6.1_d"):
        write(TEXT, name)
    assert names() == list(load_all()) == ["6.1_d", "6.2_b", "6_a"]


MISTAKES = {
    "unknown kind": ("kind: data", "kind: dada", 2, ["'dada'", "did you mean data?", "price"]),
    "unknown key": ("caption: A", "captoin: A", 3, ["'captoin'", "did you mean caption?"]),
    "unknown key of the kind": (
        "columns: 2",
        "colums: 2",
        5,
        ["'colums'", "did you mean columns?"],
    ),
    "value of a key": ("columns: 2", "columns: none", 5, ["shown.columns", "'none'"]),
    "unknown key of a claim": (
        "    relation: above",
        "    relatoin: above",
        10,
        ["claims.0.relatoin", "did you mean relation?"],
    ),
    "unknown column of a side": (
        "left: {family: deep learning, data: little}",
        "left: {famly: deep learning}",
        9,
        ["claims.0.left.famly", "unknown column 'famly'", "did you mean family?"],
    ),
    "unknown column in every": (
        "every: [example]",
        "every: [exampel]",
        21,
        ["claims.1.every.0", "'exampel'", "did you mean example?"],
    ),
    "unknown column in at": ("at: {model:", "at: {modle:", 20, ["'modle'", "did you mean model?"]),
    "unknown quantity": (
        "quantity: over_bound",
        "quantity: over_bounds",
        15,
        ["claims.1.quantity", "did you mean over_bound?", "over_baseline"],
    ),
    "unknown relation": ("relation: above", "relation: abvoe", 10, ["'abvoe'", "above"]),
    "missing tolerance": ("    tolerance: 0.5\n", "", 17, ["within needs a tolerance"]),
    "needless tolerance": (
        "    relation: above\n",
        "    relation: above\n    tolerance: 0.1\n",
        10,
        ["above takes no tolerance"],
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_told_with_its_line_and_what_is_allowed(write, name):
    old, new, line, words = MISTAKES[name]
    assert TEXT.count(old) == 1
    write(TEXT.replace(old, new))
    with pytest.raises(UserError) as caught:
        load("6_mine")
    (message,) = [one for one in str(caught.value).splitlines() if f"6_mine.yaml:{line}:" in one]
    assert [word for word in words if word not in message] == []


def test_all_mistakes_of_all_files_are_told_together(write):
    write(TEXT.replace("columns: 2", "colums: 2").replace("abov", "abvo"), "6_mine")
    write(TEXT.replace("kind: data", "kind: dada"), "6_other")
    with pytest.raises(UserError) as caught:
        load_all()
    said = str(caught.value)
    assert all(word in said for word in ("colums", "abvoe", "dada"))


def test_an_unknown_name_and_one_that_an_experiment_has_are_refused(write):
    write(TEXT)
    with pytest.raises(UserError, match="no comparison '6_mien'; did you mean 6_mine"):
        load("6_mien")
    EXPERIMENTS.mkdir()
    (EXPERIMENTS / "6_Mine.yaml").write_text("", encoding="utf-8")
    with pytest.raises(UserError, match="an experiment has this name"):
        names()


@pytest.mark.parametrize("kind", reading.kinds())
def test_claims_may_speak_of_what_their_kind_measures(write, kind):
    write(TEXT.replace("kind: data", f"kind: {kind}").replace("over_bound", "overbound"))
    with pytest.raises(UserError) as caught:
        load("6_mine")
    quantities = importlib.import_module(f"mbdl_repro.comparisons.kinds.{kind}").Spec.quantities
    assert f"allowed: {', '.join(sorted(quantities))}" in str(caught.value)
