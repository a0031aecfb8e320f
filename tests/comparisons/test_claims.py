"""Claims on several experiments: at which places each is decided, and what becomes of the rest."""

from pathlib import Path
from typing import ClassVar

import pandas as pd
import pytest

from mbdl_repro.comparisons.claims import decided
from mbdl_repro.comparisons.kind import KindOfComparison
from mbdl_repro.comparisons.reading import Comparison
from mbdl_repro.comparisons.schema import ClaimFrame
from mbdl_repro.experiments.schema import Book
from mbdl_repro.pipeline.stages.verify import COLUMNS
from mbdl_repro.statistics.comparisons import compare


class Kind(KindOfComparison):
    quantities: ClassVar = {"error": "ratio", "over": "decibels"}
    ends_unknown: ClassVar = ("over",)
    keys: ClassVar = ["example", "family", "data"]

    def measured(self, sources):
        raise NotImplementedError

    summary = draw = measured


def table(values: dict[tuple[str, str, str], list[float]]) -> pd.DataFrame:
    return pd.DataFrame(
        {"example": e, "family": f, "data": d, "seed": seed, "error": v, "over": v}
        for (e, f, d), of_seeds in values.items()
        for seed, v in enumerate(of_seeds)
    )


MEASURED = table(
    {
        ("a", "hybrid", "little"): [1.0, 1.1, 0.9],
        ("a", "box", "little"): [2.0, 2.3, 1.8],
        ("a", "hybrid", "much"): [0.5, 0.51, 0.5],
        ("a", "box", "much"): [0.4, 0.4, 0.4],
        ("b", "hybrid", "little"): [3.0, 3.2, 3.1],
        ("b", "box", "little"): [9.0, 8.0, 9.5],
        ("c", "hybrid", "little"): [1.0, 1.0, 1.0],
    }
)


def verdicts(measured: pd.DataFrame = MEASURED, **claim: object) -> list[dict]:
    base = {"says": "So it is.", "source": "ours", "relation": "below", "written": "after"}
    base |= {"left": {"family": "hybrid"}, "right": {"family": "box"}}
    book = Book(example=None, section="6", title="t", says="s")
    claims = (ClaimFrame(**(base | claim)),)
    spec = Kind.model_construct()
    return decided(Comparison("6_t", Path("6_t.yaml"), book, "k", spec, "c", claims, {}), measured)


def test_one_place_is_decided_seed_by_seed():
    (one,) = verdicts(at={"example": "a", "data": "little"})
    pair = compare([1.0, 1.1, 0.9], [2.0, 2.3, 1.8], "below", scale="ratio")
    assert (one["effect"], one["ci_low"], one["ci_high"]) == (pair.effect, pair.low, pair.high)
    assert one["verdict"] == pair.verdict == "holds"
    assert (one["n_seeds"], one["n_places"], one["metric"]) == (3, 1, "error")
    assert list(one) == COLUMNS
    assert one["left"] == "hybrid (example a, data little)" and one["claim"] == "So it is."


def test_seeds_are_paired_by_their_numbers_and_only_those_of_both_count():
    """In another order, and without one: as the pairs that are left."""
    shuffled = MEASURED.sample(frac=1, random_state=0)
    gone = (shuffled["family"] == "box") & (shuffled["seed"] == 0)
    (one,) = verdicts(shuffled[~gone], at={"example": "a", "data": "little"})
    pair = compare([1.1, 0.9], [2.3, 1.8], "below", scale="ratio")
    assert (one["effect"], one["ci_high"], one["n_seeds"]) == (pair.effect, pair.high, 2)


def test_each_value_of_a_column_is_a_claim_of_its_own_where_both_sides_are():
    found = verdicts(at={"data": "little"}, each=["example"])
    assert [one["claim"] for one in found] == ["So it is (a).", "So it is (b)."]
    assert all(one["verdict"] == "holds" and one["n_places"] == 1 for one in found)


def test_every_value_of_a_column_is_one_verdict_the_least_favourable():
    (one,) = verdicts(at={"data": "little"}, every=["example"])
    assert (one["verdict"], one["n_places"]) == ("holds", 2)
    (one,) = verdicts(at={"example": "a"}, every=["data"])
    assert (one["verdict"], one["left_value"]) == ("fails", pytest.approx(1.51 / 3))


def test_values_of_a_list_are_places():
    (one,) = verdicts(at={"example": ["a", "b"], "data": "little"})
    assert (one["verdict"], one["n_places"]) == ("holds", 2)
    (one,) = verdicts(at={"example": ["a", "b"], "data": ["little", "much"]})
    assert (one["verdict"], one["n_places"]) == ("fails", 3)


def test_a_number_is_the_same_in_each_seed():
    (one,) = verdicts(at={"example": "b", "data": "little"}, right=4.0, factor=0.5)
    assert (one["verdict"], one["right"], one["right_value"]) == ("fails", "0.5 × 4", 4.0)
    assert one["effect"] == pytest.approx(9.3 / 3 / 2)


@pytest.mark.parametrize(
    "claim",
    [
        {"left": {"family": "hybird"}, "at": {"example": "a", "data": "little"}},
        {"left": {"family": "hybird"}, "each": ["example"]},
        {"right": {"family": "box"}, "at": {"example": "c", "data": "little"}},
        {"at": {"example": "a"}},  # of little data, or of much?
        {"at": {"data": "little"}, "right": {"example": "a"}},
    ],
)
def test_a_claim_that_finds_no_place_or_is_not_clear_is_not_run(claim):
    (one,) = verdicts(**claim, remark="why")
    assert (one["verdict"], one["n_places"], one["remark"]) == ("not run", 0, "")
    assert one["effect"] != one["effect"]


def test_where_one_place_of_several_is_not_clear_nothing_is_decided():
    """Not by the places that are: who wrote the claim has to say which is meant."""
    double = pd.concat([MEASURED, MEASURED[MEASURED["example"] == "b"]])
    (one,) = verdicts(double, at={"data": "little"}, every=["example"])
    assert one["verdict"] == "not run"


def test_ends_that_both_sides_are_at_say_nothing():
    known = {("a", "hybrid", "x"): [2.0, 2.0], ("a", "box", "x"): [8.0, 8.0]}
    ends = {("b", "hybrid", "x"): [8.0, 8.0], ("b", "box", "x"): [8.0, 8.0]}
    both = table(known | ends)
    (one,) = verdicts(both, quantity="over", every=["example"])
    assert (one["verdict"], one["n_places"]) == ("holds", 1)
    (one,) = verdicts(table(ends), quantity="over", each=["example"])
    assert one["verdict"] == "not run"
    # Of what has no ends, equals are known not to be below.
    (one,) = verdicts(both, quantity="error", every=["example"])
    assert (one["verdict"], one["n_places"]) == ("fails", 2)


def test_a_remark_stands_where_it_fails_and_nowhere_else():
    found = verdicts(at={"example": "a"}, each=["data"], remark="a finding")
    assert {one["verdict"]: one["remark"] for one in found} == {"holds": "", "fails": "a finding"}


def test_decibels_compare_by_what_they_stand_for():
    (one,) = verdicts(at={"example": "a", "data": "little"}, quantity="over", right=1.0)
    pair = compare([1.0, 1.1, 0.9], 1.0, "below", scale="decibels")
    assert (one["effect"], one["effect_is"]) == (pair.effect, "difference")
    (one,) = verdicts(
        at={"example": "a", "data": "little"}, quantity="over", relation="within", tolerance=0.5,
        right=1.0,
    )  # fmt: skip
    assert (one["verdict"], one["tolerance"], one["relation"]) == ("holds", 0.5, "≈")
