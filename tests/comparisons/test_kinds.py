"""What each kind of comparison measures, by hand on a made-up experiment, and that it draws it."""

import matplotlib as mpl

mpl.use("agg")

import numpy as np
import pandas as pd
import pytest
from comparisons.tiny import ERRORS, TEXT, experiment, rows_of, sources
from matplotlib import pyplot as plt

from mbdl_repro.comparisons.kinds import (
    choice,
    continuum,
    data,
    options,
    price,
    robustness,
    trust,
    worth,
)
from mbdl_repro.comparisons.listed import values_at
from mbdl_repro.comparisons.sources import Sources
from mbdl_repro.contract.seeding import rng_for
from mbdl_repro.errors import UserError


def db(ratio: float) -> float:
    return 10 * np.log10(ratio)


def places(table: pd.DataFrame, *columns: str) -> pd.DataFrame:
    found = table.set_index(list(columns))
    assert found.index.is_unique
    return found.sort_index()


# --- error against data ---


def test_data_is_what_stands_for_a_family_over_what_stands_for_the_model_based(tmp_path):
    table = places(data.Spec().summary(sources(tmp_path)), "condition", "family", "n_train")
    wrong = table.loc["wrong noise"]
    assert wrong.loc[("deep learning", 10), "over_baseline"] == pytest.approx(db(100 / 2))
    assert wrong.loc[("model-based", 0), "method"] == "mmse_off"
    right = table.loc["right"]
    hybrid = right.loc["model-based deep learning"]
    # At much data the network is a tenth below the MMSE, at little the three numbers are level.
    assert hybrid["over_baseline"].tolist() == pytest.approx([0, 0, db(0.9)])
    assert hybrid["method"].tolist() == ["scales", "scales", "network"]
    assert hybrid["data"].tolist() == ["little", "some", "much"]


# --- what a model is worth ---


def test_a_model_is_worth_the_pairs_where_curves_cross(tmp_path):
    table = places(worth.Spec(within_db=0.1).summary(sources(tmp_path)), "condition", "family")
    right = table.loc["right"]
    # Generative learning: 3 times the MMSE at 10 pairs, level from 100 on.
    share = (db(3) - 0.1) / db(3)
    assert right.loc["generative learning", "pairs"] == pytest.approx(10 * 10**share)
    assert right.loc["discriminative learning", "answer"] == "never"
    assert right.loc["learned optimization", "answer"] == "from"
    assert right.loc["deep learning", "answer"] == "never"
    assert table.loc[("wrong noise", "generative learning"), "answer"] == "from"


def test_what_a_seed_never_reaches_is_beyond_the_largest_size(tmp_path):
    measured = worth.Spec().measured(sources(tmp_path))
    never = measured[measured["family"] == "discriminative learning"]
    assert (never["pairs"] >= 1000).all() and sorted(set(never["seed"])) == [0, 1, 2]


# --- the price ---


def on_front_by_force(price_of: list[float], error: list[float]) -> list[bool]:
    """Whether no other point is as good in both, and better in one."""

    def beats(one: tuple[float, float], other: tuple[float, float]) -> bool:
        return one != other and one[0] <= other[0] and one[1] <= other[1]

    points = list(zip(price_of, error, strict=True))
    return [np.isfinite(p[0]) and not any(beats(q, p) for q in points) for p in points]


@pytest.mark.parametrize("seed", range(5))
def test_the_front_is_what_no_cheaper_one_beats(seed):
    rng = rng_for("front", seed)
    price_of, error = rng.integers(6, size=12).astype(float), rng.integers(6, size=12).astype(float)
    price_of[3] = np.nan
    found = price.on_front(price_of, error)
    assert found.tolist() == on_front_by_force(price_of.tolist(), error.tolist())
    assert found.any() and not found[3]


def test_the_cheapest_hybrid_that_is_as_good(tmp_path):
    """Costs rise in the order of the file: ``scales`` is cheaper than ``network``."""
    measured = price.Spec().measured(sources(tmp_path))
    right = measured[measured["condition"] == "right"]
    prices = right.groupby("family")[["operations", "train_seconds"]].first()
    assert prices.loc["hybrid as good as the model-based", "operations"] == 1e6
    assert prices.loc["hybrid as good as the black box", "train_seconds"] == 1e6
    assert prices.loc["model-based deep learning", "operations"] == 1e7  # the best one
    assert prices.loc["deep learning", "operations"] == 1e8
    wrong = measured[measured["condition"] == "wrong noise"]  # where there is no hybrid
    assert not wrong["family"].str.startswith("hybrid").any()


def test_what_is_worse_by_more_than_a_tenth_of_a_decibel_is_not_as_good(tmp_path):
    off = {("scales", 1000): 1.05 * np.array(ERRORS["scales", 1000])}
    measured = price.Spec().measured(sources(tmp_path, {**ERRORS, **off}))
    good = measured[measured["family"] == "hybrid as good as the model-based"]
    assert set(good["operations"]) == {1e7} and len(good) == 3


def test_only_much_data_and_what_needs_none_has_a_price(tmp_path):
    table = price.Spec().summary(sources(tmp_path))
    assert set(table["n_train"]) == {0, 1000}
    front = table[(table["condition"] == "right") & table["front_operations"]]
    assert front["method"].tolist() == ["mmse", "network"]


# --- which method when ---


def test_the_best_is_as_good_as_the_best(tmp_path):
    table = choice.Spec(small=0.1).summary(sources(tmp_path))
    every = table[table["budget"] == "any"]
    for _, place in every.groupby(["condition", "data"]):
        best = place.loc[place["over_best"].idxmin()]
        assert best["over_best"] == pytest.approx(0) and best["as_good"]
    right = places(every[every["condition"] == "right"], "data", "method")
    assert right.loc[("little", "mmse"), "as_good"] and right.loc[("little", "scales"), "as_good"]
    assert not right.loc[("little", "network"), "as_good"]
    assert right.loc[("much", "mmse"), "over_best"] == pytest.approx(db(1 / 0.9))
    assert not right.loc[("much", "mmse"), "as_good"]  # the same in each seed: no chance in it


def test_the_best_is_of_means_and_not_of_mean_decibels(tmp_path):
    """In the mean of dB the black box would be ahead, by one seed of three."""
    one = {("black_box", 1000): [0.001, 3.0, 3.0], ("network", 1000): [1.4, 1.4, 1.4]}
    table = choice.Spec().summary(sources(tmp_path, {**ERRORS, **one}))
    here = table[(table["condition"] == "right") & (table["data"] == "much")]
    assert here.set_index("method").loc["network", "over_best"] == 0
    assert (here["over_best"] >= 0).all()


def test_a_single_seed_says_that_the_best_is_as_good_and_of_no_other(tmp_path):
    one = {place: errors[:1] for place, errors in ERRORS.items()}
    table = choice.Spec().summary(sources(tmp_path, one))
    every = table[table["budget"] == "any"]
    assert (every[every["as_good"]]["over_best"] == 0).all()
    assert every.groupby(["condition", "data"])["as_good"].sum().tolist() == [1] * 6


def test_a_small_budget_is_a_share_of_what_the_best_takes(tmp_path):
    table = choice.Spec(small=0.1).summary(sources(tmp_path))
    small = table[(table["budget"] == "small") & (table["condition"] == "right")]
    much = small[small["data"] == "much"]  # a tenth of the network's 1e7
    assert set(much["method"]) == {"mmse", "steps", "generative", "discriminative", "scales"}
    assert (small["operations"] <= 1e6).all()


def test_claims_on_a_choice_are_made_of_families(tmp_path):
    measured = choice.Spec().measured(sources(tmp_path))
    keys = ["condition", "data", "budget", "family", "seed"]
    assert not measured.duplicated(keys).any()
    found = measured.set_index(keys).sort_index()
    over = found.loc[("wrong noise", "much", "any", "discriminative learning"), "over_best"]
    assert over.tolist() == pytest.approx([db(4)] * 3)


# --- off the place that methods were made for ---

DEPARTED = TEXT.replace("sweep: {", "test_sweep: {noise_std: [0.5, 1.0]}\nsweep: {").replace(
    "methods: [", "where: {test_noise_std: 0.5},\n       methods: ["
)
AWAY = {"test_noise_std": 1.0}
HOME = {"test_noise_std": 0.5}
BOUND = "minimum_mean_squared_error"


def departed(tmp_path, home: dict, away: dict) -> Sources:
    """Values at home and away of what learns from 1000 pairs, or none."""
    tiny = experiment(tmp_path, DEPARTED)
    rows = [rows_of(home, test_noise_std=0.5), rows_of(away, test_noise_std=1.0)]
    return Sources({"tiny": tiny}, {"tiny": pd.concat(rows)}, {}, {})


AGAIN = {"experiment": "again", "at": AWAY}


def tuned_again(tmp_path, again: dict) -> Sources:
    """The same, and values away, in an experiment of its own, of what was tuned there."""
    there = departed(tmp_path, AT_HOME, ELSEWHERE)
    there.experiments["again"] = there.experiments["tiny"]
    there.rows["again"] = rows_of(again, test_noise_std=1.0)
    return there


def departure(**more: object) -> robustness.Spec:
    one = {"name": "noise", "experiment": "tiny", "away": AWAY, "home": HOME, "over": BOUND}
    return robustness.Spec(departures=[one | more])


AT_HOME = {
    (BOUND, 0): [1.0, 1.0],
    ("mmse", 0): [1.0, 1.0],
    ("black_box", 10): [50.0, 50.0],
    ("black_box", 1000): [2.0, 2.0],
}
ELSEWHERE = {
    (BOUND, 0): [4.0, 4.0],
    ("mmse", 0): [8.0, 8.0],
    ("black_box", 10): [70.0, 70.0],
    ("black_box", 1000): [40.0, 40.0],
}


def test_what_is_lost_is_beyond_what_the_reference_loses(tmp_path):
    found = departure().measured(departed(tmp_path, AT_HOME, ELSEWHERE)).groupby("family").mean(
        numeric_only=True
    )  # fmt: skip
    assert found.loc["model-based", "lost_db"] == pytest.approx(db(8 / 4))
    assert found.loc["deep learning", "lost_db"] == pytest.approx(db(40 / 4) - db(2 / 1))
    assert found.loc["deep learning", "away_db"] == pytest.approx(db(10))


def test_without_a_home_all_that_is_over_the_reference_is_lost(tmp_path):
    spec = departure(home={})
    found = spec.summary(departed(tmp_path, AT_HOME, ELSEWHERE)).set_index("family")
    assert found.loc["deep learning", "lost_db"] == pytest.approx(db(10))
    assert (found["lost_db"] == found["away_db"]).all()


def test_a_family_is_what_is_best_at_home_in_other_seeds(tmp_path):
    """``steps`` is best away in both seeds, and at home in the first alone."""
    home = {**AT_HOME, ("mmse", 0): [2.0, 2.0], ("steps", 0): [1.0, 9.0]}
    away = {**ELSEWHERE, ("mmse", 0): [8.0, 8.0], ("steps", 0): [4.0, 4.0]}
    measured = departure().measured(departed(tmp_path, home, away))
    stands = measured[measured["family"] == "model-based"].set_index("seed")["method"]
    assert stands.to_dict() == {0: "mmse", 1: "steps"}


def test_of_what_is_better_the_larger_it_is_less_is_lost(tmp_path):
    sides = (departed(tmp_path, AT_HOME, ELSEWHERE), departed(tmp_path, ELSEWHERE, AT_HOME))
    lost = [departure().summary(side).set_index("family")["lost_db"] for side in sides]
    np.testing.assert_allclose(lost[0], -lost[1])


def test_the_reference_may_be_tuned_again_in_another_experiment(tmp_path):
    """At home it is the experiment's own MMSE, at 1; away it is at 8, and tuned again at 2 or 4."""
    there = tuned_again(tmp_path, {("mmse", 0): [2.0, 4.0]})
    spec = departure(over="mmse", retuned=AGAIN, bound=BOUND)
    found = spec.measured(there).set_index(["family", "seed"])
    assert spec.experiments == ("tiny", "again")
    lost = {family: found.loc[family, "lost_db"].tolist() for family in found.index.levels[0]}
    assert lost["model-based"] == pytest.approx([db(8 / 2), db(8 / 4)])
    assert lost["deep learning"] == pytest.approx([db(40 / 2 / 2), db(40 / 4 / 2)])
    assert lost["bound"] == pytest.approx([db(4 / 2), db(4 / 4)])
    assert set(found.loc["bound", "method"]) == {BOUND}
    assert found.loc["deep learning", "away_db"].tolist() == pytest.approx([db(20), db(10)])


def test_what_tells_families_apart_is_the_same_whatever_they_are_over(tmp_path):
    there = tuned_again(tmp_path, {("mmse", 0): [2.0, 4.0]})
    specs = (departure(), departure(over="mmse"), departure(over="mmse", retuned=AGAIN))
    apart = []
    for spec in specs:
        found = spec.measured(there).set_index(["family", "seed"])[["lost_db", "away_db"]]
        apart.append(found.loc["deep learning"] - found.loc["model-based"])
    np.testing.assert_allclose(apart[1], apart[0])
    np.testing.assert_allclose(apart[2], apart[0])


def test_what_was_tuned_again_has_to_be_there_in_the_same_seeds(tmp_path):
    spec = departure(over="mmse", retuned=AGAIN)
    for again, message in (
        ({("steps", 0): [2.0, 4.0]}, "no method or bound 'mmse' there; allowed: steps"),
        ({("mmse", 0): [2.0]}, "mmse was tuned again in seeds 0, and .* has seeds 0, 1: give both"),
    ):
        with pytest.raises(UserError, match=message):
            spec.measured(tuned_again(tmp_path, again))
    with pytest.raises(UserError, match="no experiment 'agian'; did you mean again"):
        departure(over="mmse", retuned={**AGAIN, "experiment": "agian"}).measured(
            tuned_again(tmp_path, {("mmse", 0): [2.0, 4.0]})
        )
    with pytest.raises(UserError, match="no method or bound 'minimum' there"):
        departure(bound="minimum").measured(departed(tmp_path, AT_HOME, ELSEWHERE))


def test_a_departure_that_a_scale_does_not_have_is_left_out(tmp_path):
    there = departed(tmp_path, AT_HOME, ELSEWHERE)
    both = [
        *departure().departures,
        *departure(name="more", away={"test_noise_std": 2.0}).departures,
    ]
    assert set(robustness.Spec(departures=both).summary(there)["departure"]) == {"noise"}


def test_what_a_departure_is_over_has_to_be_there(tmp_path):
    there = departed(tmp_path, AT_HOME, ELSEWHERE)
    with pytest.raises(UserError, match="'mmes' there; did you mean mmse"):
        departure(over="mmes").measured(there)
    with pytest.raises(UserError, match="no experiment 'tyni'; allowed: tiny"):
        departure(experiment="tyni").measured(there)


def test_a_place_is_one_value_a_seed(tmp_path):
    there = departed(tmp_path, AT_HOME, ELSEWHERE)
    rows, tiny = there.rows["tiny"], there.experiments["tiny"]
    assert values_at(rows, tiny, "squared_error", HOME)["black_box"].tolist() == [2.0, 2.0]
    at = {**HOME, "n_train": 10}
    assert values_at(rows, tiny, "squared_error", at).columns.tolist() == ["black_box"]
    for metric, at, message in (
        ("squared_error", {}, "several values a seed at {}: name those of test_noise_std, too"),
        ("squared_eror", HOME, "no metric 'squared_eror'; did you mean squared_error"),
        (
            "squared_error",
            {"test_noise": 1.0},
            "no column 'test_noise'; did you mean test_noise_std",
        ),
    ):
        with pytest.raises(UserError, match=message):
            values_at(rows, tiny, metric, at)


# --- trust ---


def test_trust_is_a_metric_or_the_multiple_of_another(tmp_path):
    there = departed(tmp_path, AT_HOME, ELSEWHERE)
    one = {"name": "error", "experiment": "tiny", "metric": "squared_error", "at": AWAY}
    same = {**one, "name": "multiple", "over": "squared_error"}
    table = places(trust.Spec(listed=[one, same]).summary(there), "quantity", "method")
    assert table.loc[("error", "black_box"), "value"] == 40.0
    assert (table.loc["multiple", "value"] == 1.0).all()
    assert BOUND not in table.loc["error"].index


# --- ways of training ---


def test_each_option_is_over_the_first_one_at_each_size(tmp_path):
    question = {
        "name": "which?",
        "experiment": "tiny",
        "n_train": [10, 1000],
        "options": {"scales": "scales", "a network": "network"},
    }
    there = sources(tmp_path)
    table = places(options.Spec(questions=[question]).summary(there), "option", "n_train")
    over = table["over_first"].to_dict()
    expected = {("a network", 10): db(2), ("a network", 1000): db(0.9)}
    assert over == pytest.approx(expected | {("scales", 10): 0, ("scales", 1000): 0})
    other = options.Spec(questions=[question | {"n_train": [7]}]).measured(there)
    assert set(other["n_train"]) == {10, 100, 1000}  # as a scale of other sizes has them
    wrong = options.Spec(questions=[question | {"options": {"a": "scales", "b": "netwrok"}}])
    with pytest.raises(UserError, match=r"no method 'netwrok' at .*; did you mean network"):
        wrong.measured(there)


# --- all kinds ---


def test_the_continuum_has_a_dot_for_each_method_and_size(tmp_path):
    table = continuum.Spec().summary(sources(tmp_path))
    assert not table.duplicated(["condition", "method", "data"]).any()
    assert len(table) == sum(len(p.methods) for p in experiment(tmp_path).panels) + 2 * 8 - 1


@pytest.mark.parametrize(
    "spec",
    [
        data.Spec(),
        worth.Spec(),
        worth.Spec(drawn="strategies"),
        price.Spec(model="right"),
        choice.Spec(),
        continuum.Spec(),
    ],
    ids=lambda spec: type(spec).__module__.rsplit(".", 1)[1],
)
def test_each_kind_draws_its_own_table_and_measures_what_claims_name(tmp_path, spec):
    found = sources(tmp_path)
    before = {name: rows.copy() for name, rows in found.rows.items()}
    table, measured = spec.summary(found), spec.measured(found)
    figure = spec.draw(table)
    assert any(axes.has_data() for axes in figure.axes)
    plt.close(figure)
    assert {*spec.keys, *spec.quantities, "seed"} <= set(measured.columns)
    assert set(spec.quantities) <= set(table.columns)
    for name in before:
        pd.testing.assert_frame_equal(found.rows[name], before[name])


def test_kinds_of_listed_places_draw_too(tmp_path):
    there = departed(tmp_path, AT_HOME, ELSEWHERE)
    listed = trust.Spec(
        listed=[{"name": "e", "experiment": "tiny", "metric": "squared_error", "at": AWAY}]
    )
    question = {"name": "q", "experiment": "tiny", "n_train": [1000], "at": AWAY}
    question["options"] = {"first": "black_box", "again": "black_box"}
    for spec in (departure(), listed, options.Spec(questions=[question])):
        table, measured = spec.summary(there), spec.measured(there)
        assert {*spec.keys, *spec.quantities, "seed"} <= set(measured.columns)
        assert spec.experiments == ("tiny",)
        figure = spec.draw(table)
        assert any(axes.has_data() for axes in figure.axes)
        plt.close(figure)


def test_order_of_rows_changes_nothing(tmp_path):
    found = sources(tmp_path)
    shuffled = Sources(
        found.experiments,
        {"tiny": found.rows["tiny"].sample(frac=1, random_state=1)},
        found.train_seconds,
        found.operations,
    )
    for spec in (data.Spec(), worth.Spec(), continuum.Spec()):
        keys = [k for k in [*spec.keys, "method"] if k in spec.summary(found)]
        tables = [
            spec.summary(one).sort_values(keys, ignore_index=True) for one in (found, shuffled)
        ]
        for column in spec.quantities:
            np.testing.assert_allclose(*(table[column] for table in tables), atol=1e-12)
