"""Means, ratios and their standard errors, against formulas by hand and against simulation."""

import math
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from mbdl_repro.experiments import reading as experiment_file
from mbdl_repro.experiments.scale import Scale
from mbdl_repro.pipeline.rows import (
    groups_of,
    measured,
    repetitions_in,
    rounded,
    rows_of,
    with_groups,
)


def rng(seed=0):
    return np.random.default_rng(seed)


# --- means ---


@pytest.mark.parametrize("n", [2, 3, 1000])
def test_the_mean_and_its_standard_error_are_those_of_scipy(n):
    values = rng(n).exponential(size=n)
    row = measured(values)
    assert row["value"] == pytest.approx(values.mean(), rel=1e-14)
    assert row["standard_error"] == pytest.approx(scipy.stats.sem(values), rel=1e-12)
    assert row["n_test"] == n


def test_a_mean_by_hand():
    assert measured(np.array([1.0, 2.0, 6.0])) == {
        "value": 3.0,
        "standard_error": pytest.approx(math.sqrt((4 + 1 + 9) / 2 / 3)),
        "n_test": 3,
    }


def test_whole_numbers_and_truth_values_have_means_too():
    assert measured(np.array([True, False, True, True]))["value"] == 0.75
    assert measured(np.array([1, 2]))["value"] == 1.5


def test_one_row_has_no_standard_error():
    row = measured(np.array([3.0]))
    assert (row["value"], row["n_test"]) == (3.0, 1)
    assert math.isnan(row["standard_error"])


@pytest.mark.parametrize("number", [2.5, np.float64(2.5), np.array(2.5), 2.5 + 0])
def test_a_number_is_exact(number):
    assert measured(number) == {"value": 2.5, "standard_error": 0.0, "n_test": 0}


def test_a_row_that_was_not_answered_is_not_averaged_away():
    row = measured(np.array([1.0, np.nan, 3.0]))
    assert math.isnan(row["value"])
    assert math.isnan(row["standard_error"])
    assert row["n_test"] == 3


def test_the_standard_error_of_a_mean_is_that_of_repeated_test_sets():
    """The spread of 4000 means of 50 rows: known to 1.1 %, the mean of the errors to 0.3 %."""
    sets = [measured(rng(i).exponential(size=50)) for i in range(4000)]
    spread = np.std([row["value"] for row in sets], ddof=1)
    promised = math.sqrt(np.mean([row["standard_error"] ** 2 for row in sets]))
    assert promised == pytest.approx(spread, rel=0.05)
    assert promised == pytest.approx(1 / math.sqrt(50), rel=0.02)


# --- groups of test rows ---


@pytest.mark.parametrize("n", [100, 203])
@pytest.mark.parametrize(
    ("marks", "statistic"),
    [
        ({}, np.mean),
        ({"summary": "median"}, np.median),
        ({"summary": "percentile_90"}, partial(np.quantile, q=0.9)),
        ({"decibels": True}, lambda values: 10 * np.log10(values.mean())),
    ],
)
def test_values_without_groups_leave_out_every_tenth_row(n, marks, statistic):
    values = rng(n).exponential(size=n)
    found = measured(values, marks, grouped=True)["without"]
    kept = [np.delete(values, np.arange(group, n, 10)) for group in range(10)]
    np.testing.assert_allclose(found, [statistic(few) for few in kept], rtol=1e-12)


def test_a_ratio_of_sums_without_groups_is_the_ratio_of_the_other_sums():
    a, b = rng(0).exponential(size=(2, 130))
    found = measured((a, b), grouped=True)["without"]
    kept = [np.delete(np.arange(130), np.arange(group, 130, 10)) for group in range(10)]
    np.testing.assert_allclose(found, [a[k].sum() / b[k].sum() for k in kept], rtol=1e-12)


@pytest.mark.parametrize("values", [2.5, np.ones(99)])
def test_numbers_and_few_rows_have_no_groups(values):
    assert np.isnan(measured(values, grouped=True)["without"]).all()


@pytest.mark.parametrize("values", [2.5, np.arange(200.0), (np.ones(200), np.arange(200.0))])
def test_values_without_groups_are_added_where_they_are_asked_for(values):
    plain, grouped = measured(values), measured(values, grouped=True)
    assert grouped.keys() - plain.keys() == {"without"}
    assert {name: grouped[name] for name in plain} == plain


def test_groups_are_kept_of_the_rows_that_have_them():
    columns = {f"without_{g}": [1.0 + g, np.nan, 3.0 + g] for g in range(10)}
    rows = pd.DataFrame({"value": [1.0, 2.0, 3.0], **columns})
    groups = groups_of(rows)
    assert groups["row"].tolist() == [0, 2]
    pd.testing.assert_frame_equal(with_groups(rows[["value"]], groups), rows)
    assert groups_of(rows[["value"]])["row"].size == 0


def of_a_place(values, n_test, without=None):
    """Return the rows of a place, a row a seed; without (k,) is the same for all groups."""
    groups = {f"without_{g}": without for g in range(10)} if without is not None else {}
    return pd.DataFrame({"value": values, "n_test": n_test, **groups})


def test_values_without_groups_are_repetitions_where_every_seed_has_them():
    found = repetitions_in(of_a_place([1.0, 2.0], 200, without=[0.9, 2.1]))
    np.testing.assert_array_equal(found, np.repeat([[0.9], [2.1]], 10, axis=1))
    assert repetitions_in(of_a_place([1.0, 2.0], 200, without=[0.9, np.nan])) is None
    assert repetitions_in(of_a_place([1.0, 2.0], 200)) is None
    assert repetitions_in(of_a_place([1.0, 1.0], 200)) is None  # of test signals: no exact number


@pytest.mark.parametrize("without", [None, [np.nan] * 3])
def test_an_exact_number_is_the_same_without_any_group(without):
    found = repetitions_in(of_a_place([2.5] * 3, 0, without=without))
    np.testing.assert_array_equal(found, np.full((3, 10), 2.5))


@pytest.mark.parametrize("values", [[2.5, 2.5, 2.6], [2.6, 2.5, 2.5], [2.5, np.nan, 2.5]])
def test_a_number_that_differs_from_seed_to_seed_is_not_exact(values):
    """As what a bound says of signals that it was given: nobody knows what made it differ."""
    assert repetitions_in(of_a_place(values, 0)) is None


# --- medians, and decibels ---


def test_a_median_and_the_spread_of_medians_of_repeated_test_sets():
    sets = [measured(rng(i).exponential(size=200), {"summary": "median"}) for i in range(2000)]
    assert sets[0]["value"] == np.median(rng(0).exponential(size=200))
    spread = np.std([row["value"] for row in sets], ddof=1)
    assert spread == pytest.approx(1 / math.sqrt(200), rel=0.1)  # 1 / (2 f(median) √n), f = 1/2
    promised = math.sqrt(np.mean([row["standard_error"] ** 2 for row in sets]))
    assert promised == pytest.approx(spread, rel=0.15)


def test_a_percentile_and_the_spread_of_percentiles_of_repeated_test_sets():
    words = {"summary": "percentile_90"}
    sets = [measured(rng(i).exponential(size=500), words) for i in range(2000)]
    assert sets[0]["value"] == np.quantile(rng(0).exponential(size=500), 0.9)
    spread = np.std([row["value"] for row in sets], ddof=1)
    assert spread == pytest.approx(math.sqrt(0.09 / 500) / 0.1, rel=0.1)  # the density there is 0.1
    promised = math.sqrt(np.mean([row["standard_error"] ** 2 for row in sets]))
    assert promised == pytest.approx(spread, rel=0.15)


@pytest.mark.parametrize(("summary", "level"), [("median", 0.5), ("percentile_90", 0.9)])
def test_the_error_of_a_quantile_of_evenly_spaced_values_is_that_of_its_rank(summary, level):
    """The rank is binomial: its deviation √(n p (1 − p)) is whole numbers here, 10 and 6."""
    values = rng(0).permutation(400).astype(float)
    error = measured(values, {"summary": summary})["standard_error"]
    assert error == pytest.approx(math.sqrt(400 * level * (1 - level)), rel=1e-12)


def test_decibels_of_a_ratio_and_of_its_error():
    a, b = pairs(400, 3)
    linear, decibels = measured((a, b)), measured((a, b), {"decibels": True})
    assert decibels["value"] == pytest.approx(10 * math.log10(a.sum() / b.sum()))
    upper = 10 * math.log10(linear["value"] + linear["standard_error"])
    lower = 10 * math.log10(linear["value"] - linear["standard_error"])
    assert decibels["standard_error"] == pytest.approx((upper - lower) / 2, rel=1e-3)
    assert measured(0.1, {"decibels": True}) == {"value": -10, "standard_error": 0, "n_test": 0}


# --- ratios of sums ---


def pairs(n, seed):
    """Error energy and signal energy, correlated as they are where noise is relative."""
    b = rng(seed).gamma(4.0, size=n)
    a = 0.1 * b * rng(seed + 10**6).gamma(9.0, 1 / 9, size=n)
    return a, b


@pytest.mark.parametrize("summary", ["mean", "median", "percentile_90"])
def test_what_is_no_number_is_not_the_best_number_of_decibels(summary):
    marks = {"summary": summary, "decibels": True}
    assert math.isnan(measured(np.array([1.0, np.nan, 3.0]), marks)["value"])
    assert math.isnan(measured((np.array([1.0, np.nan]), np.ones(2)), marks)["value"])
    assert measured(np.array([0.0, 0.0]), marks)["value"] == -math.inf
    assert not measured(np.array([np.inf, np.inf, 1.0]), marks)["value"] < math.inf


def test_a_ratio_is_of_sums_and_not_a_mean_of_ratios():
    a, b = np.array([1.0, 9.0]), np.array([1.0, 3.0])
    row = measured((a, b))
    assert row["value"] == 10 / 4
    assert row["value"] != np.mean(a / b)
    assert row["n_test"] == 2


def test_the_standard_error_of_a_ratio_by_hand():
    """r = 2.5; residuals a − r b = −1.5, 1.5; their standard error 1.5; divided by mean b = 2."""
    row = measured((np.array([1.0, 9.0]), np.array([1.0, 3.0])))
    assert row["standard_error"] == pytest.approx(1.5 / 2)


def test_the_standard_error_of_a_ratio_is_the_delta_methods():
    a, b = pairs(200, 0)
    r = a.sum() / b.sum()
    C = np.cov(a, b)
    variance = (C[0, 0] - 2 * r * C[0, 1] + r**2 * C[1, 1]) / b.mean() ** 2 / 200
    assert measured((a, b))["standard_error"] == pytest.approx(math.sqrt(variance), rel=1e-12)


def test_a_ratio_to_a_constant_is_a_mean():
    a = rng().exponential(size=30)
    row, mean = measured((a, np.full(30, 4.0))), measured(a / 4)
    assert row["value"] == pytest.approx(mean["value"], rel=1e-14)
    assert row["standard_error"] == pytest.approx(mean["standard_error"], rel=1e-12)


def test_a_ratio_that_is_the_same_in_all_rows_has_no_error():
    b = rng().exponential(size=30)
    row = measured((3 * b, b))
    assert row["value"] == pytest.approx(3)
    assert row["standard_error"] < 1e-14


def test_the_standard_error_of_a_ratio_is_that_of_repeated_test_sets():
    """The spread of 4000 ratios of 100 pairs is known to 1.1 %."""
    sets = [measured(pairs(100, i)) for i in range(4000)]
    spread = np.std([row["value"] for row in sets], ddof=1)
    promised = math.sqrt(np.mean([row["standard_error"] ** 2 for row in sets]))
    assert promised == pytest.approx(spread, rel=0.05)
    # What the denominator's own spread is left out of would be off by half:
    a, b = pairs(100, 0)
    assert scipy.stats.sem(a) / b.mean() > 1.3 * measured((a, b))["standard_error"]


def test_the_standard_error_of_a_ratio_is_the_bootstraps():
    """2000 resamples: known to 1.6 %; the two differ by O(1/n) besides."""
    a, b = pairs(300, 1)
    draws = rng().integers(300, size=(2000, 300))
    ratios = a[draws].sum(1) / b[draws].sum(1)
    assert measured((a, b))["standard_error"] == pytest.approx(ratios.std(ddof=1), rel=0.08)


def test_an_interval_of_two_standard_errors_covers_the_ratio():
    """95.4 % for a normal mean; of 4000 sets the share is known to 0.33 %."""
    sets = [measured(pairs(100, i)) for i in range(4000)]
    covered = [abs(row["value"] - 0.1) < 2 * row["standard_error"] for row in sets]
    assert 0.935 < np.mean(covered) < 0.967


# --- frames ---


TEXT = """\
book: {example: null, section: "3", title: A title, says: A sentence.}
area: linear_estimation
scenario: {}
sweep: {noise_std: [0.5, 1.0], n_train: [10]}
test_sweep: {noise_std: [0.25]}
samples: {validation: 5, test: 7}
seeds: 2
methods: {discriminative: {}}
metrics: [squared_error]
figure: {caption: A caption., panels: [{kind: lines, title: E, x: noise_std, y: squared_error}]}
"""


def test_measured_columns_become_rows_of_the_long_table(tmp_path: Path):
    path = tmp_path / "1.01_example.yaml"
    path.write_text(TEXT)
    experiment = experiment_file.load_file(path, Scale("full", "all", "r", "f"))
    fit = experiment.fits("discriminative")[-1]
    columns = {
        "seed": np.array([0, 1]),
        "iteration": np.array([np.nan, np.nan]),
        "metric": np.array(["squared_error"] * 2),
        "value": np.array([0.1, 0.2]),
        "standard_error": np.array([0.01, 0.02]),
        "n_test": np.array([7, 7]),
        "n_parameters": np.array([3, 3]),
    }
    rows = rows_of(fit, experiment.test_points[0], "discriminative", columns)
    names = [
        "noise_std",
        "test_noise_std",
        "n_train",
        "method",
        "n_parameters",
        "seed",
        "iteration",
        "metric",
        "value",
        "standard_error",
        "n_test",
    ]
    assert list(rows[0]) == names
    first, second = rows
    assert (first["noise_std"], first["test_noise_std"], first["n_train"]) == (1.0, 0.25, 10)
    assert (first["value"], second["value"]) == (0.1, 0.2)
    assert (first["seed"], second["seed"]) == (0, 1)
    columns["without"] = np.arange(20.0).reshape(2, 10)
    rows = rows_of(fit, experiment.test_points[0], "discriminative", columns)
    assert list(rows[0]) == [*names, *(f"without_{group}" for group in range(10))]
    assert (rows[0]["without_3"], rows[1]["without_9"]) == (3.0, 19.0)


def test_a_number_is_rounded_to_its_first_digits():
    assert rounded(123456.789012345) == 123456.79
    assert rounded(-1.23456e-7, 3) == -1.23e-7
    assert math.isnan(rounded(math.nan)) and rounded(math.inf) == math.inf
