"""Who stands for a family: never by the signals that then judge it."""

import numpy as np
import pandas as pd
import pytest

from mbdl_repro.comparisons.representatives import amounts, chosen, represented
from mbdl_repro.contract.seeding import rng_for


def test_a_method_does_not_stand_where_its_luck_is():
    """The second method is best in all by one lucky seed: there, the others do not choose it."""
    values = np.array([[2.0, 2.0, 2.0], [0.1, 2.1, 2.1]])
    assert chosen(values, "square").tolist() == [0, 1, 1]


@pytest.mark.parametrize("kind", ["square", "root", "difference", "decibels"])
def test_against_a_loop_over_the_seeds_that_are_left(kind):
    values = rng_for("values").normal(size=(4, 6))
    means = {"decibels": lambda v: 10 * np.log10(np.mean(10 ** (v / 10)))}.get(kind, np.mean)
    for seed, found in enumerate(chosen(values, kind)):
        left = [i for i in range(6) if i != seed]
        assert found == min(range(4), key=lambda m: means(values[m, left]))


def test_decibels_are_averaged_as_the_ratios_that_they_stand_for():
    """0 and −20 dB are −3 dB on average, which is worse than −5 dB; as numbers they were better."""
    values = np.array([[-5.0, -5.0, -5.0], [0.0, -20.0, -20.0]])
    assert chosen(values, "difference").tolist() == [1, 1, 1]
    assert chosen(values, "decibels").tolist() == [1, 0, 0]


def test_a_value_that_is_left_out_leaves_no_rounding_behind():
    values = np.array([[1e20, 3.0, 3.0], [2.0, 2.0, 2.0]])
    assert chosen(values, "square").tolist() == [1, 1, 1]


def test_what_fails_stands_for_nobody_and_a_single_seed_chooses_nothing():
    assert chosen(np.array([[1.0, np.nan, 1.0], [2.0, 2.0, 2.0]]), "square").tolist() == [1, 1, 1]
    assert chosen(np.array([[2.0], [1.0]]), "square").tolist() == [0]


def rows(values: dict[tuple[str, str, int], list[float]]) -> pd.DataFrame:
    place = {"example": "e", "condition": "right", "kind": "square"}
    return pd.DataFrame(
        {**place, "family": family, "method": method, "n_train": n, "seed": seed, "value": value}
        for (family, method, n), of_seeds in values.items()
        for seed, value in enumerate(of_seeds)
    )


VALUES = {
    ("model-based", "tuned", 0): [3.0, 3.0, 3.0],
    ("model-based", "other", 0): [9.0, 1.0, 9.0],
    ("generative learning", "g", 10): [4.0, 4.0, 4.0],
    ("discriminative learning", "d", 10): [5.0, 2.0, 5.0],
    ("generative learning", "g", 100): [2.0, 2.0, 2.0],
    ("discriminative learning", "d", 100): [1.0, 1.0, 1.0],
}


def test_a_strategy_is_the_best_of_its_families_at_each_size():
    table = represented(rows(VALUES)).set_index(["family", "n_train", "seed"]).sort_index()
    learned = table.loc["learned models"]
    assert learned.loc[10, "method"].tolist() == ["d", "g", "d"]  # 7/2 < 4, 10/2 > 4
    assert learned.loc[10, "value"].tolist() == [5.0, 4.0, 5.0]
    assert set(learned.loc[100, "method"]) == {"d"}
    assert "model-based deep learning" not in table.index.get_level_values("family")


def test_the_baseline_is_what_stands_for_the_model_based_in_the_same_seed():
    table = represented(rows(VALUES))
    assert table.groupby("seed")["baseline"].unique().map(list).tolist() == [[3.0], [3.0], [3.0]]
    lucky = represented(rows({**VALUES, ("model-based", "tuned", 0): [3.0, 8.0, 3.0]}))
    # By the sums of the others: 11 and 10, 6 and 18, 11 and 10.
    assert lucky.groupby("seed")["baseline"].first().tolist() == [9.0, 8.0, 9.0]


def test_amounts_are_those_of_the_problem():
    table = pd.DataFrame({"example": list("aaaabb"), "n_train": [0, 5, 50, 500, 50, 0]})
    assert amounts(table).tolist() == ["none", "little", "some", "much", "much", "none"]
