"""Values without groups of test signals, from scores to tables and verdicts, computed twice.

Pseudo-values and intervals come from NumPy and SciPy, of draws that no stage has seen.
"""

import contextlib

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from jobs import job
from pipeline.running import compute, project

from mbdl_repro.areas.linear_estimation.scenario import LinearGaussian
from mbdl_repro.experiments import reading
from mbdl_repro.pipeline.stages.summarize import summarize
from mbdl_repro.pipeline.stages.tabulate import tabulate
from mbdl_repro.pipeline.stages.verify import verify
from mbdl_repro.store.paths import Store

N, SEEDS = 205, 3
LINEAR = """
book: {example: null, section: "5.1", title: Groups, says: A tiny experiment.}
area: linear_estimation
scenario: {n_signal: 3, n_observations: 4, observation_matrix: gaussian, noise_std: 0.3}
beliefs:
  nothing: {observation_matrix: null, signal_covariance: null, noise_std: null}
  too_quiet: {noise_std: 0.1}
sweep: {n_train: [20]}
samples: {validation: 10, test: 205}
seeds: 3
methods:
  linear_mmse: {}
  quiet_mmse: {method: linear_mmse, belief: too_quiet}
  discriminative: {belief: nothing}
metrics: [squared_error, relative_error]
bounds: [minimum_mean_squared_error]
figure: {caption: Error., panels: [{kind: lines, title: Error, x: n_train, y: squared_error}]}
claims:
  - {says: Nothing is fitted., source: ours, left: {method: linear_mmse}, relation: below,
     right: {method: quiet_mmse}}
  - {says: One is fitted., source: ours, left: {method: linear_mmse}, relation: below,
     right: {method: discriminative}}
  - {says: A number is exact., source: ours, left: {method: linear_mmse}, relation: above,
     right: {method: minimum_mean_squared_error}, factor: 0.9}
"""
SPARSE = """
book: {example: null, section: "5.3", title: Groups, says: A tiny experiment.}
area: sparse_recovery
scenario:
  {observation_matrix: unit_columns, n_observations: 8, n_signal: 12, n_nonzeros: 2,
   nonzero_std: 0.5, noise_std: 0.05}
samples: {validation: 10, test: 120}
seeds: 2
methods:
  ista: {iterations: 3, rho: 0.1}
  ista_tuned: {method: ista, iterations: 3, tune: {rho: [0.1, 0.2]}}
metrics: [squared_error]
bounds: [oracle_least_squares_empirical, oracle_least_squares]
figure:
  {caption: Error., panels: [{kind: dots, title: Error, y: squared_error, methods: [ista]}]}
"""
TRUTH = LinearGaussian(n_signal=3, n_observations=4, observation_matrix="gaussian", noise_std=0.3)
WITHOUT = [f"without_{group}" for group in range(10)]


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Store:
    """Where the results of both experiments lie."""
    folder = project(tmp_path_factory.mktemp("groups") / "p", linear=LINEAR, sparse=SPARSE)
    with contextlib.chdir(folder):
        scale = reading.load_scale("full")
        for experiment in reading.load_all(scale).values():
            compute(experiment, scale)
            for verb in (tabulate, summarize, verify):
                verb(job(verb.__name__, experiment, scale))
    stored = Store.of(scale)
    return Store(folder / stored.results, folder / stored.figures)


def test_only_what_fits_nothing_is_scored_without_groups(store):
    """Of others, training or validation differs from seed to seed, too."""
    for name, labels in (
        ("linear", {"linear_mmse": True, "quiet_mmse": True, "discriminative": False}),
        ("sparse", {"ista": True, "ista_tuned": False}),
    ):
        for label, fits_nothing in labels.items():
            rows = pd.read_csv(store.scores(name, label))
            assert [column in rows for column in WITHOUT] == [fits_nothing] * 10, label
            if fits_nothing:
                assert rows[WITHOUT].notna().all(axis=None)


def test_bounds_have_groups_where_they_look_at_signals(store):
    rows = pd.read_csv(store.bounds("sparse"))
    assert rows["method"].nunique() == 2
    for method, of_one in rows.groupby("method"):
        empirical = method == "oracle_least_squares_empirical"
        assert (of_one["n_test"] == (120 if empirical else 0)).all()
        assert (of_one[WITHOUT].notna() == empirical).all(axis=None)
    assert not set(WITHOUT) & set(pd.read_csv(store.bounds("linear")))


def bayes(noise_std: float, seed: int) -> np.ndarray:
    """Return the errors of the posterior mean, believing in a noise, on a seed's signals."""
    x, s = TRUTH.draw(N, "test", seed)
    C, H = TRUTH.covariance, TRUTH.matrix
    gain = C @ H.T @ np.linalg.inv(H @ C @ H.T + noise_std**2 * np.eye(4))
    return np.square(x @ gain.T - s).sum(1)


def without_groups(errors: np.ndarray) -> np.ndarray:
    return np.array([np.delete(errors, np.arange(g, N, 10)).mean() for g in range(10)])


def pseudo_values(noise_std: float) -> np.ndarray:
    every = [bayes(noise_std, seed) for seed in range(SEEDS)]
    return np.concatenate([10 * e.mean() - 9 * without_groups(e) for e in every])


NOISE = {"linear_mmse": 0.3, "quiet_mmse": 0.1}


def test_groups_are_kept_beside_the_rows_that_have_them(store):
    rows = pd.read_csv(store.seed_rows("linear"))
    with np.load(store.groups("linear")) as groups:
        row, without = groups["row"], groups["without"]
    assert without.dtype == np.float32 and not set(WITHOUT) & set(rows)
    assert rows.index[rows["method"].isin(NOISE)].tolist() == row.tolist()
    for place, of_row in zip(row, without, strict=True):
        found = rows.loc[place]
        if found["metric"] == "squared_error":
            errors = bayes(NOISE[found["method"]], int(found["seed"]))
            np.testing.assert_allclose(of_row, without_groups(errors), rtol=1e-6)


def means(store: Store) -> pd.DataFrame:
    table = pd.read_csv(store.table("linear"))
    return table[table["metric"] == "squared_error"].set_index("method")


SINGLE = 1e-5
"""Pseudo-values are ten times as far apart as numbers that are kept in single precision."""


@pytest.mark.parametrize("label", NOISE)
def test_an_interval_is_over_test_signals_where_nothing_is_fitted(store, label):
    row, values = means(store).loc[label], pseudo_values(NOISE[label])
    assert len(values) == 10 * SEEDS and row["n_seeds"] == SEEDS
    mean = np.mean([bayes(NOISE[label], seed).mean() for seed in range(SEEDS)])
    assert row["mean"] == pytest.approx(mean, rel=1e-7)  # eight digits
    half = scipy.stats.t.ppf(0.975, len(values) - 1) * scipy.stats.sem(values) / mean
    expected = mean * np.exp([-half, half])
    assert (row["ci_low"], row["ci_high"]) == pytest.approx(expected, rel=SINGLE)


def test_an_interval_is_over_seeds_where_something_is(store):
    rows = pd.read_csv(store.seed_rows("linear"))
    chosen = (rows["method"] == "discriminative") & (rows["metric"] == "squared_error")
    values = rows["value"][chosen].to_numpy()
    row = means(store).loc["discriminative"]
    half = scipy.stats.t.ppf(0.975, SEEDS - 1) * scipy.stats.sem(values) / values.mean()
    expected = values.mean() * np.exp([-half, half])
    assert (row["ci_low"], row["ci_high"]) == pytest.approx(expected, rel=1e-7)  # eight digits


def test_an_exact_number_has_no_interval(store):
    row = means(store).loc["minimum_mean_squared_error"]
    assert row["ci_low"] == row["mean"] == row["ci_high"]


def test_verdicts_are_over_test_signals_where_neither_side_is_fitted(store):
    verdicts = pd.read_csv(store.verdicts("linear")).set_index("claim")
    assert verdicts["interval_over"].to_dict() == {
        "Nothing is fitted.": "signals",
        "One is fitted.": "seeds",
        "A number is exact.": "signals",
    }
    ours, quiet = pseudo_values(0.3), pseudo_values(0.1)
    least = means(store)["mean"]["minimum_mean_squared_error"]
    for claim, other in (("Nothing is fitted.", quiet), ("A number is exact.", 0.9 * least)):
        log = ours / ours.mean() - other / np.mean(other)  # of the ratio, linearized
        half = scipy.stats.t.ppf(0.975, len(log) - 1) * scipy.stats.sem(log)
        left, right = (
            np.mean([bayes(noise, seed).mean() for seed in range(SEEDS)]) for noise in (0.3, 0.1)
        )
        ratio = left / (right if claim == "Nothing is fitted." else 0.9 * least)
        row = verdicts.loc[claim]
        expected = ratio * np.exp([-half, half])
        assert (row["ci_low"], row["ci_high"]) == pytest.approx(expected, rel=2 * SINGLE)
