"""The pipeline from data to report, each number of it computed a second time by other means.

Estimates come from closed forms in NumPy, intervals and verdicts from SciPy. What is stored is
read as plain files: nothing of the package stands between a number and its check, but the draws.
"""

import contextlib
import copy
import dataclasses
import hashlib
import importlib
import importlib.metadata
import json
import shutil
import struct
import zipfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import safetensors.torch
import scipy.stats
import torch
from jobs import job
from pipeline.running import compute, project
from safetensors import safe_open

from mbdl_repro.areas.doa.methods.music import Music
from mbdl_repro.areas.linear_estimation.scenario import LinearGaussian
from mbdl_repro.areas.sparse_recovery.methods.step_lista import StepLista
from mbdl_repro.areas.sparse_recovery.scenario import SparseRecovery
from mbdl_repro.errors import UserError
from mbdl_repro.experiments import reading as experiment_file
from mbdl_repro.figures import signals
from mbdl_repro.pipeline.caches import bound_cache, data_cache, model_cache, score_cache
from mbdl_repro.pipeline.models import Models
from mbdl_repro.pipeline.stages.bound import bound, values
from mbdl_repro.pipeline.stages.draw import _of_method, draw
from mbdl_repro.pipeline.stages.evaluate import evaluate
from mbdl_repro.pipeline.stages.gather import gather
from mbdl_repro.pipeline.stages.summarize import summarize
from mbdl_repro.pipeline.stages.tabulate import histories, shown, tabulate, thinned
from mbdl_repro.pipeline.stages.train import train
from mbdl_repro.pipeline.stages.verify import verify
from mbdl_repro.pipeline.verbs import stands_on, task_of
from mbdl_repro.pipeline.weights import learned_tensors, load_kept, main_fit
from mbdl_repro.reporting.report import report
from mbdl_repro.store import fingerprint
from mbdl_repro.store.paths import Store

ROOT = Path(__file__).parents[2]
SCALES = ROOT / "workflow/scales"

LINEAR = """
book: {example: null, section: "5.1", title: Tiny linear, says: A tiny experiment.}
area: linear_estimation
scenario: {n_signal: 3, n_observations: 4, observation_matrix: gaussian, noise_std: 0.3}
beliefs:
  nothing: {observation_matrix: null, signal_covariance: null, noise_std: null}
  too_quiet: {noise_std: 0.1}
sweep: {noise_std: [0.3, 1.0], n_train: [20, 40]}
test_sweep: {noise_std: [0.3, 0.6]}
samples: {validation: 10, test: 30}
seeds: 4
block: 2
methods:
  linear_mmse: {}
  quiet_mmse: {method: linear_mmse, belief: too_quiet}
  discriminative: {belief: nothing, jobs: 2}
  aided_mmse: {method: linear_mmse, genie_aided: true}
  aided_discriminative: {method: discriminative, belief: nothing, genie_aided: true}
metrics: [squared_error, relative_error]
bounds: [minimum_mean_squared_error, sample_estimator_risk]
figure:
  caption: A tiny figure.
  panels:
    - {kind: lines, title: Tiny, x: noise_std, x_scale: snr_db, y: squared_error, y_scale: db,
       where: {n_train: 20, test_noise_std: 0.6}}
claims:
  - {says: Knowing all is better., source: ours, left: {method: linear_mmse}, relation: below,
     right: {method: discriminative, at: {n_train: 20}}, at: {noise_std: 1.0, test_noise_std: 0.6}}
  - {says: Half is not enough., source: ours, left: {method: discriminative}, relation: above,
     factor: 0.5, right: {method: linear_mmse},
     at: {noise_std: [0.3, 1.0], n_train: 40, test_noise_std: [0.3, 0.6]}}
  - {says: It is a number., source: ours, left: {method: linear_mmse}, relation: below, right: 0.2,
     at: {noise_std: 0.3, test_noise_std: 0.3}}
  - {says: Two metrics., source: ours, metric: squared_error, left: {method: linear_mmse},
     relation: above, offset: -0.1, right: {method: linear_mmse, metric: relative_error},
     at: {noise_std: 0.3, test_noise_std: 0.3}}
  - {says: Noise is what counts., source: ours, left: {method: linear_mmse}, along: noise_std,
     rises_above: {method: discriminative, at: {noise_std: 0.3, n_train: 40}}, relation: above,
     right: 0.4, at: {test_noise_std: 0.6}}
  - {says: They never meet., source: ours, left: {method: linear_mmse}, along: test_noise_std,
     rises_above: {method: linear_mmse, metric: relative_error}, relation: below, right: 0.5,
     at: {noise_std: 0.3}}
  - {says: Nor the other way., source: ours, left: {method: linear_mmse}, along: test_noise_std,
     falls_below: {method: linear_mmse, metric: relative_error}, relation: below, right: 0.5,
     at: {noise_std: 0.3}}
published:
  - {source: nowhere, method: linear_mmse, at: {noise_std: 0.3, test_noise_std: 0.3}, value: 0.25,
     tolerance: 0.2}
  - {source: nowhere, method: linear_mmse, at: {noise_std: 0.3, test_noise_std: 0.3}, value: 9.0,
     tolerance: 0.2, or_better: true}
"""

SPARSE = """
book: {example: null, section: "5.3", title: Tiny sparse, says: A tiny experiment.}
area: sparse_recovery
scenario:
  {observation_matrix: unit_columns, n_observations: 8, n_signal: 12, n_nonzeros: 2,
   nonzero_std: 0.5, noise_std: 0.05}
sweep: {n_train: [16, 32]}
samples: {validation: 20, test: 10}
seeds: 3
methods:
  ista: {iterations: 5, tune: {rho: [0.02, 0.1, 0.3], step: [0.1, 0.3]}}
  ista_each: {method: ista, depths: [1, 3], tune: {rho: [0.02, 0.1, 0.3]}}
  lista: {iterations: 2, rho: 0.1, recipe: {steps: 20, batch_size: 8, learning_rate: 0.002}}
  lista_tuned:
    {method: lista, iterations: 2, tune: {rho: [0.05, 0.5]}, recipe: {steps: 4, batch_size: 8}}
metrics: [squared_error, squared_residual]
trace: [0, 1, 2, 5]
bounds: [oracle_least_squares_empirical]
figure:
  caption: A tiny figure.
  panels:
    - {kind: lines, title: Tiny, x: n_train, y: squared_error}
    - {kind: lines, title: By iteration, x: iteration, y: squared_error, y_scale: log,
       where: {n_train: 16}}
    - {kind: signals, title: Signal, show: estimates, methods: [ista, lista]}
claims:
  - {says: It learns., source: ours, left: {method: lista, iteration: 2, at: {n_train: 32}},
     relation: below, right: {method: ista, iteration: 0}}
"""

ARRAY = """
book: {example: null, section: "5.4", title: Tiny array, says: A tiny experiment.}
area: doa
scenario:
  {kind: narrowband, n_sources: 2, n_sensors: 6, n_snapshots: 10, snr_db: 10.0,
   max_angle_deg: 60.0}
sweep: {correlation: [0.0, 1.0], n_train: [16]}
samples: {validation: 8, test: 20}
seeds: 2
methods:
  music: {}
  root_music: {}
  learned_esprit:
    {method: subspacenet, decoder: esprit, lags: 1, channels: [2, 2, 2],
     recipe: {steps: 4, batch_size: 8, validate_every: 2}}
  learned_music: {method: subspacenet, decoder: music, lags: 1, channels: [2, 2, 2],
     recipe: {steps: 4, batch_size: 8, validate_every: 2}}
metrics: [rmspe, rmspe_90, wrong_count, eigenvalue_ratio]
figure:
  caption: A tiny figure.
  panels:
    - {kind: spectrum, title: Spectra, methods: [music, learned_music], place: 1}
    - {kind: spectrum, title: Spectrum, methods: [learned_music], place: 0}
    - {kind: roots, title: Roots, methods: [root_music], example: 2}
    - {kind: eigenvalues, title: Eigenvalues, methods: [root_music, learned_esprit]}
    - {kind: history, title: History, methods: [learned_esprit], where: {correlation: 1.0}}
    - {kind: dots, title: Error, methods: [music, learned_esprit], y: rmspe, seeds: true,
       printed: true, where: {correlation: 0.0}}
published:
  - {source: nowhere, method: music, metric: rmspe, at: {correlation: 0.0}, value: 0.1,
     tolerance: 1.0}
  - {source: recomputed, method: music, metric: rmspe, at: {correlation: 0.0}, value: 0.2,
     tolerance: 1.0, printed: false}
"""

# --- running it ---


EIGHT_DIGITS = 1e-7
"""What is lost at most, of a value and of a ratio of two, as rows and tables keep them."""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A project after a run, for reading only: its folder, its store and its experiments."""
    folder = project(
        tmp_path_factory.mktemp("stages") / "p", linear=LINEAR, sparse=SPARSE, array=ARRAY
    )
    with contextlib.chdir(folder):
        formats = ("png", "pdf", "svg")
        scale = dataclasses.replace(experiment_file.load_scale("full"), figure_formats=formats)
        experiments = experiment_file.load_all(scale)
        for experiment in experiments.values():
            compute(experiment, scale)
            for verb in (tabulate, summarize, verify, draw):
                verb(job(verb.__name__, experiment, scale))
        for verb in (gather, report):
            verb(job(verb.__name__, experiments, scale))
    stored = Store.of(scale)
    store = Store(folder / stored.results, folder / stored.figures)
    return SimpleNamespace(folder=folder, store=store, scale=scale, **experiments)


def rows_of(path: Path, **where) -> pd.DataFrame:
    """Read a table as anyone would, and keep the rows of a place, in the order of seeds."""
    table = pd.read_csv(path)
    for column, value in where.items():
        same = table[column].isna() if value is None else table[column] == value
        table = table[same]
    return table.sort_values("seed") if "seed" in table else table


# --- the numbers, computed a second time ---


def linear(noise_std: float) -> LinearGaussian:
    return LinearGaussian(
        n_signal=3, n_observations=4, observation_matrix="gaussian", noise_std=noise_std
    )


SPARSE_TRUTH = SparseRecovery(
    observation_matrix="unit_columns",
    n_observations=8,
    n_signal=12,
    n_nonzeros=2,
    nonzero_std=0.5,
    noise_std=0.05,
)


def mean_error(estimate: np.ndarray, s: np.ndarray) -> tuple[float, float]:
    errors = ((estimate - s) ** 2).sum(1)
    return errors.mean(), scipy.stats.sem(errors)


def bayes(x: np.ndarray, truth: LinearGaussian) -> np.ndarray:
    """The posterior mean in information form."""
    H, noise = truth.matrix, truth.noise_std**2
    precision = H.T @ H / noise + np.linalg.inv(truth.covariance)
    return np.linalg.solve(precision, H.T @ x.T / noise).T


def least_squares(x: np.ndarray, train_x: np.ndarray, train_s: np.ndarray) -> np.ndarray:
    ones = np.ones((len(train_x), 1))
    solution = np.linalg.lstsq(np.hstack([train_x, ones]), train_s)[0]
    return np.hstack([x, np.ones((len(x), 1))]) @ solution


PLACES = [(noise, test) for noise in (0.3, 1.0) for test in (0.3, 0.6)]
NOWHERE = {"iteration": None}


@pytest.mark.parametrize(("noise", "test_noise"), PLACES)
def test_model_based_rows_are_those_of_the_closed_form(made, noise, test_noise):
    """Built from the belief where it stands, tested where the signals come from."""
    for label, believed in (("linear_mmse", noise), ("quiet_mmse", 0.1)):
        rows = rows_of(
            made.store.scores("linear", label),
            noise_std=noise,
            test_noise_std=test_noise,
            metric="squared_error",
        )
        assert rows["seed"].tolist() == [0, 1, 2, 3]
        for seed, row in enumerate(rows.to_dict("records")):
            test = linear(test_noise).draw(30, "test", seed)
            value, error = mean_error(bayes(test.x, linear(believed)), test.s)
            assert row["value"] == pytest.approx(value, rel=1e-9)
            assert row["standard_error"] == pytest.approx(error, rel=1e-9)
            assert (row["n_train"], row["n_test"], row["n_parameters"]) == (0, 30, 0)


@pytest.mark.parametrize(("noise", "test_noise"), PLACES)
def test_who_is_aided_believes_what_holds_where_it_is_tested(made, noise, test_noise):
    rows = rows_of(
        made.store.scores("linear", "aided_mmse"),
        noise_std=noise,
        test_noise_std=test_noise,
        metric="squared_error",
    )
    assert rows["seed"].tolist() == [0, 1, 2, 3]
    for seed, row in enumerate(rows.to_dict("records")):
        test = linear(test_noise).draw(30, "test", seed)
        value, _ = mean_error(bayes(test.x, linear(test_noise)), test.s)
        assert row["value"] == pytest.approx(value, rel=1e-9)


def test_who_is_aided_keeps_the_weights_of_its_training_point(made):
    aided, unaided = (
        pd.read_csv(made.store.scores("linear", label)).drop(columns="method")
        for label in ("aided_discriminative", "discriminative")
    )
    pd.testing.assert_frame_equal(aided, unaided)
    index = json.loads(made.store.model("linear", "aided_discriminative", 1, 1).read_bytes())
    shared = [
        entry["file"]
        for part in (1, 2)
        for entry in json.loads(made.store.model("linear", "discriminative", part, 2).read_bytes())
    ]
    assert {entry["file"] for entry in index} == set(shared)


def test_a_lost_model_of_one_who_is_aided_is_asked_for_and_not_fitted_where_it_is_tested(
    made, tmp_path, monkeypatch
):
    folder = shutil.copytree(made.folder, tmp_path / "again")
    monkeypatch.chdir(folder)
    shutil.rmtree("results/cache/models")
    shutil.rmtree("results/cache/scores")
    with pytest.raises(UserError, match="is missing: remove linear in results/models and run"):
        evaluate(job("evaluate", made.linear, made.scale, "aided_discriminative"))


@pytest.mark.parametrize(("noise", "test_noise"), PLACES)
@pytest.mark.parametrize("n_train", [20, 40])
def test_fitted_rows_are_trained_at_one_point_and_tested_at_another(
    made, noise, test_noise, n_train
):
    rows = rows_of(
        made.store.scores("linear", "discriminative"),
        noise_std=noise,
        test_noise_std=test_noise,
        n_train=n_train,
        metric="squared_error",
    )
    assert rows["seed"].tolist() == [0, 1, 2, 3]
    for seed, row in enumerate(rows.to_dict("records")):
        train_x, train_s = linear(noise).draw(n_train, "train", seed)
        test = linear(test_noise).draw(30, "test", seed)
        value, error = mean_error(least_squares(test.x, train_x, train_s), test.s)
        assert row["value"] == pytest.approx(value, rel=1e-9)
        assert row["standard_error"] == pytest.approx(error, rel=1e-9)
        assert row["n_parameters"] == 3 * 4 + 3


@pytest.mark.parametrize(("noise", "test_noise"), PLACES)
def test_metrics_are_given_the_truth_that_signals_come_from(made, noise, test_noise):
    where = {"noise_std": noise, "test_noise_std": test_noise}
    floor = rows_of(made.store.bounds("linear"), method="minimum_mean_squared_error", **where)
    path = made.store.scores("linear", "linear_mmse")
    absolute = rows_of(path, metric="squared_error", **where)
    relative = rows_of(path, metric="relative_error", **where)
    for column in ("value", "standard_error"):
        ratio = absolute[column].to_numpy() / relative[column].to_numpy()
        np.testing.assert_allclose(ratio, floor["value"], rtol=1e-9)


def test_each_fit_is_made_once_however_often_it_is_tested(made):
    index = [
        entry
        for part in (1, 2)
        for entry in json.loads(made.store.model("linear", "discriminative", part, 2).read_bytes())
    ]
    fits = {(entry["noise_std"], entry["n_train"], *entry["seeds"]) for entry in index}
    blocks = [(0, 1), (2, 3)]
    assert fits == {(n, p, *block) for n in (0.3, 1.0) for p in (20, 40) for block in blocks}
    assert len(index) == len(fits) == len({entry["file"] for entry in index})
    files = {path.name for path in made.store.cache("models").glob("*.safetensors")}
    assert {entry["file"] for entry in index} <= files


@pytest.mark.parametrize(("noise", "test_noise"), PLACES)
def test_rows_of_bounds_are_those_of_the_closed_forms(made, noise, test_noise):
    """They are on the signals that are tested, wherever the methods were trained."""
    truth = linear(test_noise)
    precision = truth.matrix.T @ truth.matrix / test_noise**2 + np.linalg.inv(truth.covariance)
    least = np.trace(np.linalg.inv(precision))
    where = {"noise_std": noise, "test_noise_std": test_noise}
    floor = rows_of(made.store.bounds("linear"), method="minimum_mean_squared_error", **where)
    np.testing.assert_allclose(floor["value"], [least] * 4, rtol=1e-9)
    assert set(floor["n_train"]) == {0} and set(floor["standard_error"]) == {0.0}
    for n in (20, 40):
        risk = rows_of(
            made.store.bounds("linear"), method="sample_estimator_risk", n_train=n, **where
        )
        expected = least * (1 + 1 / n) * (n - 2) / (n - 6)
        np.testing.assert_allclose(risk["value"], [expected] * 4, rtol=1e-9)
    assert floor["iteration"].isna().all()


def test_a_bound_speaks_of_each_metric_of_its_unit():
    marks = {"mse": {}, "mse_db": {"decibels": True}}
    rows = values(
        lambda n_train, test: test / n_train,
        ["n_train", "test"],
        {"n_train": 2},
        [{"test": np.array([1.0, 3.0])}, {"test": np.array([20.0, 20.0])}],
        [None],
        marks,
    )
    np.testing.assert_allclose(rows["value"], [1.0, 0.0, 10.0, 10.0])
    np.testing.assert_allclose(rows["standard_error"], [0.5, 5 / np.log(10), 0, 0])


def test_bounds_that_look_at_signals_look_at_those_that_are_tested(made):
    rows = rows_of(made.store.bounds("sparse"))
    assert rows["seed"].tolist() == [0, 1, 2]
    for seed, row in enumerate(rows.to_dict("records")):
        x, s = SPARSE_TRUTH.draw(10, "test", seed)
        estimate = np.zeros_like(s)
        for i in range(10):
            support = np.flatnonzero(s[i])
            estimate[i, support] = np.linalg.pinv(SPARSE_TRUTH.H[:, support]) @ x[i]
        value, error = mean_error(estimate, s)
        assert row["value"] == pytest.approx(value, rel=1e-9)
        assert row["standard_error"] == pytest.approx(error, rel=1e-9)
        assert row["n_test"] == 10


def shrink(z: np.ndarray, threshold: float) -> np.ndarray:
    return np.where(z > threshold, z - threshold, np.where(z < -threshold, z + threshold, 0.0))


def ista(x: np.ndarray, rho: float, step: float) -> list[np.ndarray]:
    H, s = SPARSE_TRUTH.H, np.zeros((len(x), 12))
    found = [s]
    for _ in range(5):
        s = shrink(s + step * (x - s @ H.T) @ H, step * rho)
        found.append(s)
    return found


def tuned(seed: int) -> tuple[float, float]:
    """Return the pair of the grid with the least error on this seed's validation signals."""
    x, s = SPARSE_TRUTH.draw(20, "validation", seed)
    grid = [(rho, step) for rho in (0.02, 0.1, 0.3) for step in (0.1, 0.3)]
    return min(grid, key=lambda pair: mean_error(ista(x, *pair)[-1], s)[0])


def test_tuning_takes_what_is_best_on_validation_seed_by_seed(made):
    history = pd.read_csv(made.store.history("sparse", "ista", 1, 1))
    assert history["settings"].tolist() == [
        "rho={} step={}".format(*tuned(seed)) for seed in range(3)
    ]


def test_rows_by_iteration_are_those_of_the_estimates_up_to_there(made):
    rows = rows_of(made.store.scores("sparse", "ista"))
    assert len(rows) == 3 * 5 * 2  # seeds; iterations 0, 1, 2, 5 and the answer; metrics
    for seed in range(3):
        x, s = SPARSE_TRUTH.draw(10, "test", seed)
        estimates = ista(x, *tuned(seed))
        for k in (0, 1, 2, 5, None):
            estimate = estimates[-1 if k is None else k]
            for metric, errors in (
                ("squared_error", estimate - s),
                ("squared_residual", x - estimate @ SPARSE_TRUTH.H.T),
            ):
                (row,) = rows_of(
                    made.store.scores("sparse", "ista"), seed=seed, iteration=k, metric=metric
                ).to_dict("records")
                expected = (errors**2).sum(1)
                assert row["value"] == pytest.approx(expected.mean(), rel=1e-9)
                assert row["standard_error"] == pytest.approx(scipy.stats.sem(expected), rel=1e-9)


@pytest.mark.parametrize("depth", [1, 3])
def test_each_depth_is_tuned_for_itself_and_the_answer_is_the_deepests(made, depth):
    rows = rows_of(made.store.scores("sparse", "ista_each"), metric="squared_error")
    assert len(rows) == 3 * (2 + 1)
    index = json.loads(made.store.model("sparse", "ista_each", 1, 1).read_bytes())
    assert [(entry["iterations"], *entry["seeds"]) for entry in index] == [
        (k, seed) for seed in range(3) for k in (1, 3)
    ]
    step = 1 / np.linalg.norm(SPARSE_TRUTH.H, 2) ** 2
    for seed in range(3):

        def error(rho, split, seed=seed):
            x, s = SPARSE_TRUTH.draw(20 if split == "validation" else 10, split, seed)
            return mean_error(ista(x, rho, step)[depth], s)[0]

        best = min((0.02, 0.1, 0.3), key=lambda rho: error(rho, "validation"))
        answers = rows[rows["seed"] == seed]
        (row,) = answers[answers["iteration"] == depth]["value"]
        assert row == pytest.approx(error(best, "test"), rel=1e-9)
        if depth == 3:
            (row,) = answers[answers["iteration"].isna()]["value"]
            assert row == pytest.approx(error(best, "test"), rel=1e-9)


def stored_weights(made, label: str, n_train: int, seed: int) -> dict[str, np.ndarray]:
    """Read the weights of a fit from its file."""
    (entry,) = [
        entry
        for entry in json.loads(made.store.model("sparse", label, 1, 1).read_bytes())
        if entry["n_train"] == n_train and entry["seeds"] == [seed]
    ]
    tensors = safetensors.torch.load_file(made.store.cache("models") / entry["file"])
    return {name.removeprefix(f"{seed}/"): tensor.numpy() for name, tensor in tensors.items()}


def lista(x: np.ndarray, weights: dict[str, np.ndarray]) -> list[np.ndarray]:
    s = np.zeros((len(x), 12))
    found = [s]
    for step, threshold in np.exp([weights["log_step"], weights["log_threshold"]]).T:
        s = shrink(s + step * (x @ weights["A"].T - s @ weights["B"].T), threshold)
        found.append(s)
    return found


@pytest.mark.parametrize("n_train", [16, 32])
def test_rows_of_a_network_are_those_of_its_stored_weights(made, n_train):
    for seed in range(3):
        x, s = SPARSE_TRUTH.draw(10, "test", seed)
        estimates = lista(x, stored_weights(made, "lista", n_train, seed))
        for k in (0, 1, 2, None):
            (row,) = rows_of(
                made.store.scores("sparse", "lista"),
                seed=seed,
                n_train=n_train,
                iteration=k,
                metric="squared_error",
            ).to_dict("records")
            value, _ = mean_error(estimates[-1 if k is None else k], s)
            assert row["value"] == pytest.approx(value, rel=1e-9)
            assert row["n_parameters"] == 12 * 8 + 12 * 12 + 2 + 2
    assert 5 not in set(rows_of(made.store.scores("sparse", "lista"))["iteration"])


def test_fits_are_of_their_own_seed_and_size_and_have_learned(made):
    fits = [stored_weights(made, "lista", n, seed) for n in (16, 32) for seed in range(3)]
    H = SPARSE_TRUTH.H
    for weights in fits:
        assert not np.array_equal(weights["A"], H.T)
    assert len({weights["A"].tobytes() for weights in fits}) == 6
    for n, of_size in ((16, fits[:3]), (32, fits[3:])):
        for seed, weights in enumerate(of_size):
            x, s = SPARSE_TRUTH.draw(20, "validation", seed)
            history = pd.read_csv(made.store.history("sparse", "lista", 1, 1))
            curve = history[(history["n_train"] == n) & (history["seed"] == seed)]
            assert curve["step"].tolist() == [0, 20]
            start, end = curve["validation_loss"]
            kept, _ = mean_error(lista(x, weights)[-1], s)
            assert kept == pytest.approx(min(start, end), rel=1e-9)


def test_a_learner_is_tuned_by_fits_at_every_setting(made):
    """The setting that a seed keeps has the least validation loss of a fit of its own."""
    history = pd.read_csv(made.store.history("sparse", "lista_tuned", 1, 1))
    for (n, seed), curve in history.groupby(["n_train", "seed"]):
        x, s = SPARSE_TRUTH.draw(20, "validation", seed)
        weights = stored_weights(made, "lista_tuned", n, seed)
        kept, _ = mean_error(lista(x, weights)[-1], s)
        (setting,) = set(curve["settings"])
        assert kept == pytest.approx(curve["validation_loss"].min(), rel=1e-9)
        step = 1 / np.linalg.norm(SPARSE_TRUTH.H, 2) ** 2
        for rho in (0.05, 0.5):
            unfitted, _ = mean_error(ista_layers(x, rho, step), s)
            if setting == f"rho={rho}":
                assert kept <= unfitted * (1 + 1e-9)
                assert curve["validation_loss"].iloc[0] == pytest.approx(unfitted, rel=1e-9)
            # Four steps of 0.001 do not bring one setting past another that is so far off.
            elif abs(unfitted - kept) > 0.2 * kept:
                assert kept < unfitted


def ista_layers(x: np.ndarray, rho: float, step: float) -> np.ndarray:
    return ista(x, rho, step)[2]


# --- tables, verdicts, pictures ---


@pytest.mark.parametrize(("name", "n_seeds"), [("linear", 4), ("sparse", 3)])
def test_means_and_intervals_are_those_of_scipy(made, name, n_seeds):
    table, seeds = (
        pd.read_csv(path) for path in (made.store.table(name), made.store.seed_rows(name))
    )
    columns = [c for c in seeds.columns if c not in ("seed", "value", "standard_error")]
    groups = dict(list(seeds.groupby(columns, dropna=False)))
    assert len(groups) == len(table) == len(seeds) / n_seeds
    for row in table.to_dict("records"):
        (group,) = [
            group
            for group in groups.values()
            if all(
                group[c].iloc[0] == row[c] or (pd.isna(group[c].iloc[0]) and pd.isna(row[c]))
                for c in columns
            )
        ]
        values = group["value"].to_numpy()
        assert row["n_seeds"] == len(values) == n_seeds
        assert row["mean"] == pytest.approx(values.mean(), rel=EIGHT_DIGITS)
        if np.ptp(values) == 0:
            assert row["ci_low"] == row["ci_high"] == row["mean"] == pytest.approx(values[0])
        else:
            error = scipy.stats.sem(values) / values.mean()  # of the logarithm of the mean
            interval = scipy.stats.t.interval(0.95, n_seeds - 1, loc=0, scale=error)
            expected = values.mean() * np.exp(interval)
            assert (row["ci_low"], row["ci_high"]) == pytest.approx(expected, rel=EIGHT_DIGITS)


def test_the_rows_of_a_table_are_all_rows(made):
    seeds = pd.read_csv(made.store.seed_rows("linear"))
    parts = [pd.read_csv(made.store.scores("linear", m)) for m in made.linear.methods]
    parts.append(pd.read_csv(made.store.bounds("linear")))
    rows = pd.concat(parts, ignore_index=True)
    without = [column for column in rows if column.startswith("without")]
    assert len(without) == 10
    pd.testing.assert_frame_equal(
        seeds.drop(columns="standard_error"),
        rows.drop(columns=["standard_error", *without]),
        rtol=EIGHT_DIGITS,
    )
    for name, digits in (("value", 8), ("standard_error", 3)):
        rounded = [float(f"{value:.{digits}g}") for value in rows[name]]
        assert rounded == seeds[name].tolist()
    assert seeds.columns.tolist() == [
        *("noise_std", "test_noise_std", "n_train", "method", "n_parameters"),
        *("seed", "iteration", "metric", "value", "standard_error", "n_test"),
    ]


def test_a_table_has_a_row_for_all_seeds_of_a_place_and_says_what_a_method_is(made):
    seeds, table = (
        pd.read_csv(path) for path in (made.store.seed_rows("linear"), made.store.table("linear"))
    )
    assert table.columns.tolist() == [
        *("experiment", "scenario", "noise_std", "test_noise_std", "n_train"),
        *("method", "family", "belief", "n_parameters", "iteration", "metric"),
        *("mean", "ci_low", "ci_high", "n_seeds", "n_test"),
    ]
    # Every row of a seed has its place in the table, in the same order, and no place has none.
    again = seeds.merge(table, "left", validate="many_to_one")
    pd.testing.assert_frame_equal(again[seeds.columns], seeds)
    assert again["mean"].notna().all() and len(again) == 4 * len(table)
    assert (again["experiment"] == "linear").all()
    assert (again["scenario"] == "linear_gaussian").all()
    words = again.groupby("method")[["family", "belief"]].agg(set)
    learns = ({"discriminative learning"}, {"nothing"})
    assert {method: tuple(row) for method, row in words.T.items()} == {
        "linear_mmse": ({"model-based"}, {"full"}),
        "quiet_mmse": ({"model-based"}, {"too_quiet"}),
        "aided_mmse": ({"model-based"}, {"full"}),
        "discriminative": learns,
        "aided_discriminative": learns,
        "minimum_mean_squared_error": ({"bound"}, {"full"}),
        "sample_estimator_risk": ({"bound"}, {"full"}),
    }


def values_at(made, name: str, method: str, **where) -> np.ndarray:
    rows = rows_of(made.store.seed_rows(name), method=method, metric="squared_error", **where)
    assert rows["seed"].tolist() == list(range(getattr(made, name).n_seeds))
    return rows["value"].to_numpy()


def verdict_of(made, name: str, says: str) -> dict:
    table = pd.read_csv(made.store.verdicts(name))
    (row,) = table[table["claim"] == says].to_dict("records")
    return row


class RatioTest:
    """The test on log(mean(left) / mean(right)) of paired values, linearized."""

    def __init__(self, left, right):
        self.ratio = left.mean() / right.mean()
        self.error = scipy.stats.sem(left / left.mean() - right / right.mean())
        self.freedom = len(left) - 1

    def confidence_interval(self, level):
        half = scipy.stats.t.ppf((1 + level) / 2, self.freedom) * self.error
        return self.ratio * np.exp(-half), self.ratio * np.exp(half)


def decided(test, tail: str, level: float = 0.95) -> tuple[str, float, float]:
    low, high = test.confidence_interval(level)
    edge = 1 if isinstance(test, RatioTest) else 0
    sign = -1 if tail == "below" else 1
    good, bad = sorted((sign * (low - edge), sign * (high - edge)))
    return "holds" if good > 0 else "fails" if bad < 0 else "undecided", low, high


def test_a_verdict_is_that_of_the_paired_t_test(made):
    row = verdict_of(made, "linear", "Knowing all is better.")
    here = {"noise_std": 1.0, "test_noise_std": 0.6, "iteration": None}
    left = values_at(made, "linear", "linear_mmse", **here)
    right = values_at(made, "linear", "discriminative", n_train=20, **here)
    verdict, low, high = decided(RatioTest(left, right), "below")
    assert row["verdict"] == verdict
    assert (row["ci_low"], row["ci_high"]) == pytest.approx((low, high), rel=EIGHT_DIGITS)
    assert row["left_value"] == pytest.approx(left.mean(), rel=EIGHT_DIGITS)
    assert row["right_value"] == pytest.approx(right.mean(), rel=EIGHT_DIGITS)
    assert row["effect"] == pytest.approx(left.mean() / right.mean(), rel=EIGHT_DIGITS)
    assert (row["effect_is"], row["interval_over"]) == ("ratio", "seeds")
    assert (row["n_seeds"], row["n_places"], row["relation"]) == (4, 1, "<")


def test_a_verdict_between_iterations(made):
    row = verdict_of(made, "sparse", "It learns.")
    left = values_at(made, "sparse", "lista", n_train=32, iteration=2)
    right = values_at(made, "sparse", "ista", iteration=0)
    verdict, low, high = decided(RatioTest(left, right), "below")
    assert row["verdict"] == verdict
    assert (row["ci_low"], row["ci_high"]) == pytest.approx((low, high), rel=EIGHT_DIGITS)


def test_a_verdict_at_several_places_is_that_of_the_worst(made):
    row = verdict_of(made, "linear", "Half is not enough.")
    assert row["n_places"] == 4 and row["right"].startswith("0.5 × linear_mmse")
    tests = []
    for noise, test_noise in PLACES:
        here = {"noise_std": noise, "test_noise_std": test_noise, "iteration": None}
        left = values_at(made, "linear", "discriminative", n_train=40, **here)
        right = values_at(made, "linear", "linear_mmse", **here)
        tests.append(RatioTest(left, 0.5 * right))
    at_95 = [decided(test, "above")[0] for test in tests]
    corrected = [decided(test, "above", 1 - 0.05 / 4)[0] for test in tests]
    if set(at_95) == {"holds"}:
        assert row["verdict"] == "holds"
    else:
        assert row["verdict"] == ("fails" if "fails" in corrected else "undecided")
    intervals = [
        pair for t in tests for pair in (decided(t, "above")[1:], decided(t, "above", 0.9875)[1:])
    ]
    shown = (row["ci_low"], row["ci_high"])
    assert any(np.allclose(shown, pair, rtol=EIGHT_DIGITS) for pair in intervals)


def test_a_verdict_on_a_number_is_that_of_the_one_sample_t_test(made):
    values = values_at(
        made, "linear", "linear_mmse", noise_std=0.3, test_noise_std=0.3, iteration=None
    )
    row = verdict_of(made, "linear", "It is a number.")
    verdict, low, high = decided(RatioTest(values, np.full(len(values), 0.2)), "below")
    assert (row["ci_low"], row["ci_high"]) == pytest.approx((low, high), rel=EIGHT_DIGITS)
    assert row["verdict"] == verdict

    published = verdict_of(made, "linear", "linear_mmse reaches 0.25")
    low, high = np.array(scipy.stats.ttest_1samp(values, 0).confidence_interval(0.95)) - 0.25
    inner = np.array(scipy.stats.ttest_1samp(values, 0).confidence_interval(0.9)) - 0.25
    inside = inner[0] >= -0.2 and inner[1] <= 0.2
    outside = low > 0.2 or high < -0.2
    assert published["verdict"] == ("holds" if inside else "fails" if outside else "undecided")
    assert (published["kind"], published["source"]) == ("published", "nowhere")


def test_a_verdict_on_a_crossing_is_that_of_its_places(made):
    row = verdict_of(made, "linear", "Noise is what counts.")
    assert row["left"].startswith(
        "noise_std where linear_mmse (test_noise_std 0.6) goes above discr"
    )
    here = {"test_noise_std": 0.6, "iteration": None}
    level = values_at(made, "linear", "discriminative", noise_std=0.3, n_train=40, **here)
    gaps = [
        values_at(made, "linear", "linear_mmse", noise_std=noise, **here) - level
        for noise in (0.3, 1.0)
    ]
    # On a straight line over log x; at an end where it is above before, or never.
    places = np.array(
        [
            0.3 if a > 0 else 1.0 if b <= 0 else np.exp(np.interp(0.0, (a, b), np.log([0.3, 1.0])))
            for a, b in zip(*gaps)
        ]
    )
    assert row["left_value"] == pytest.approx(places.mean(), rel=EIGHT_DIGITS)
    interval = scipy.stats.ttest_1samp(places, 0.4).confidence_interval(0.95)
    if places.std() > 0:
        assert (row["ci_low"], row["ci_high"]) == pytest.approx(
            np.array(interval) - 0.4, rel=EIGHT_DIGITS
        )


def test_curves_that_do_not_cross_are_said_not_to(made):
    never = verdict_of(made, "linear", "They never meet.")
    before = verdict_of(made, "linear", "Nor the other way.")
    here = {"noise_std": 0.3, "test_noise_std": 0.3, "iteration": None, "method": "linear_mmse"}
    error, relative = (
        rows_of(made.store.seed_rows("linear"), metric=metric, **here)["value"]
        for metric in ("squared_error", "relative_error")
    )
    if error.iloc[0] < relative.iloc[0]:
        never, before = never, before
    else:
        never, before = before, never
    assert never["remark"] == "not up to 0.6 in 4 of 4 seeds"
    assert (never["left_value"], never["verdict"]) == (0.6, "fails")
    assert before["remark"] == "before 0.3 in 4 of 4 seeds"
    assert (before["left_value"], before["verdict"]) == (0.3, "holds")


def test_a_verdict_may_be_on_two_metrics_and_add_to_one(made):
    row = verdict_of(made, "linear", "Two metrics.")
    here = {"noise_std": 0.3, "test_noise_std": 0.3, "iteration": None}
    left = values_at(made, "linear", "linear_mmse", **here)
    right = rows_of(
        made.store.seed_rows("linear"), method="linear_mmse", metric="relative_error", **here
    )["value"].to_numpy()
    verdict, low, high = decided(scipy.stats.ttest_rel(left, right - 0.1), "above")
    assert row["verdict"] == verdict
    assert (row["ci_low"], row["ci_high"]) == pytest.approx((low, high), rel=EIGHT_DIGITS)
    assert row["right"].endswith(", relative_error) − 0.1")


def test_all_verdicts_are_gathered_in_the_books_order(made):
    names = ("array", "linear", "sparse")
    parts = [pd.read_csv(made.store.verdicts(name)) for name in names]
    gathered = pd.read_csv(made.store.verdicts())
    assert gathered["claim"].tolist() == [c for part in parts for c in part["claim"]]
    assert gathered["verdict"].tolist() == [v for part in parts for v in part["verdict"]]


def test_examples_are_estimates_of_the_first_test_signals(made):
    x, s = SPARSE_TRUTH.draw(10, "test", 0)
    for label, estimates in (
        ("ista", [ista(x, *tuned(0))[-1]]),
        ("lista", [lista(x, stored_weights(made, "lista", n, 0))[-1] for n in (16, 32)]),
    ):
        with np.load(made.store.examples("sparse", label)) as examples:
            names = sorted(examples.files)
            assert len(names) == 3 * len(estimates)
            numbers = sorted({int(name.split("_")[1]) for name in names})
            assert numbers[0] == 0
            for i, estimate in zip(numbers, estimates, strict=True):
                np.testing.assert_array_equal(examples[f"x_{i}"], x[:3])
                np.testing.assert_array_equal(examples[f"s_{i}"], s[:3])
                shown = examples[f"estimate_{i}"]
                np.testing.assert_allclose(shown, estimate[:3], rtol=1e-9, atol=1e-12)


def test_what_methods_illustrate_is_kept_of_the_places_that_are_shown(made):
    truth = made.array.scenario_at({"correlation": 1.0})
    x = torch.from_numpy(truth.draw(20, "test", 0).x[:3])
    music = Music(truth).illustrations(x)
    with np.load(made.store.shown("array")) as shown:
        names = set(shown.files)
        np.testing.assert_allclose(shown["music/spectrum_1"], music["spectrum"], rtol=1e-6)
        s = truth.draw(20, "test", 0).s[:3]
        np.testing.assert_allclose(shown["s_1"], s, rtol=1e-7)
    spectra = {f"{name}_{place}" for name in ("spectrum", "grid_rad") for place in (0, 1)}
    expected = {"s_0", "s_1", "music/spectrum_1", "music/grid_rad_1"}
    expected |= {f"learned_music/{name}" for name in spectra}
    expected |= {f"root_music/{name}_0" for name in ("estimate", "root_rad", "root_radius")}
    expected |= {f"{method}/eigenvalues_0" for method in ("root_music", "learned_esprit")}
    assert names == expected, "what panels read, and nothing else; signals once"
    with np.load(made.store.shown("sparse")) as shown:
        lengths = {name: len(shown[name]) for name in shown.files}
    assert lengths == {"s_0": 1, "ista/estimate_0": 1, "lista/estimate_0": 1}, "the first alone"


def test_signals_that_methods_do_not_have_in_common_are_kept_of_each():
    """Place 1 is another size of the training set for one, and another point for the other."""
    s = np.array([[0.0, 1.0]])
    examples = {
        "a": {"s_1": s, "estimate_1": s + 1},
        "b": {"s_1": s + 5, "estimate_1": s + 6},
        "c": {"s_1": s, "estimate_1": s + 1},
    }
    panel = signals.Spec(title="t", methods=["a", "b", "c"], show="estimates", place=1)
    found = shown([panel, panel], examples)
    assert {name: array.tolist() for name, array in found.items()} == {
        "s_1": [[0, 1]],
        "a/estimate_1": [[1, 2]],
        "b/s_1": [[5, 6]],
        "b/estimate_1": [[6, 7]],
        "c/estimate_1": [[1, 2]],
    }
    read = _of_method(found, "b")
    assert read["s_1"].tolist() == [[5, 6]] and read["estimate_1"].tolist() == [[6, 7]]
    assert _of_method(found, "c")["s_1"].tolist() == [[0, 1]]


# --- training histories ---


def test_histories_of_all_fits_that_learned_are_kept(made):
    short = pd.read_csv(made.store.histories("sparse"))
    columns = ["method", "n_train", "seed", "settings", "step", "train_loss", "validation_loss"]
    assert list(short) == columns
    assert list(short["method"].unique()) == ["lista", "lista_tuned"]
    for label, own in short.groupby("method"):
        full = pd.read_csv(made.store.history("sparse", label, 1, 1))
        own = own.drop(columns="method").reset_index(drop=True)
        pd.testing.assert_frame_equal(own, full, rtol=5e-5, check_dtype=False)
    assert all(len(f"{loss:.15g}".strip("0.")) <= 6 for loss in short["validation_loss"])
    linear = pd.read_csv(made.store.histories("linear"))
    assert linear.empty, "a fit in closed form takes no steps"
    places = ["correlation", "n_train", "seed", "settings", "step"]
    array = pd.read_csv(made.store.histories("array"))
    assert list(array)[1:6] == places
    assert array["step"].tolist() == [0, 2, 4] * 2 * 2 * 2, "methods, points, seeds"


def test_histories_of_the_first_seeds_are_kept():
    step = {"step": [0, 1], "train_loss": [np.nan, 1.0], "validation_loss": [2.0, 1.0]}
    fits = [pd.DataFrame({"n_train": 5, "seed": seed, **step}) for seed in range(12)]
    kept = histories({"net": pd.concat(fits, ignore_index=True)})
    assert kept["seed"].tolist() == [seed for seed in range(10) for _ in range(2)]


@pytest.mark.parametrize("n", [1, 25, 26, 300])
def test_a_long_history_keeps_its_ends_its_best_and_some_between(n):
    steps = np.arange(n) * 10
    losses = 2 + np.cos(steps)
    best = int(losses.argmin())
    full = pd.DataFrame({"step": steps, "train_loss": losses, "validation_loss": losses})
    kept = thinned(full)
    assert len(kept) == min(n, 25) or (len(kept) == 24 and n > 25)
    assert {0, steps[-1], steps[best]} <= set(kept["step"])
    assert kept["step"].is_monotonic_increasing and kept["step"].is_unique
    assert kept["step"].diff().max() <= 10 * np.ceil(n / 23) or n == 1


def test_methods_with_a_fit_for_each_depth_stand_beside_others():
    """In one table, whatever columns the history of each has."""
    step = {"step": [0, 5], "train_loss": [np.nan, 1.0], "validation_loss": [2.0, 1.0]}
    plain = pd.DataFrame({"n_train": 9, "seed": 0, "settings": np.nan, **step})
    deep = pd.DataFrame({"n_train": 9, "iterations": 3, "seed": 0, "settings": "rho=1", **step})
    closed = plain.head(1)
    tuned = pd.DataFrame({"n_train": [9], "seed": [0], "settings": ["rho=1"]})
    table = histories({"plain": plain, "deep": deep, "closed": closed, "tuned": tuned})
    places = ["method", "n_train", "iterations", "seed", "settings"]
    assert list(table) == [*places, "step", "train_loss", "validation_loss"]
    assert table["method"].tolist() == ["plain"] * 2 + ["deep"] * 2
    assert table["step"].tolist() == [0, 5] * 2


# --- weights ---


@pytest.mark.parametrize("name", ["linear", "sparse", "array"])
def test_a_learned_method_can_be_had_without_fitting_it(made, name):
    experiment = getattr(made, name)
    for label in experiment.learned:
        fit = main_fit(experiment, label)
        models = Models(experiment, label, made.store, "cpu")
        (test, *_) = models.data.splits(fit, {})
        x = torch.from_numpy(test["test"].x)
        methods = load_kept(experiment, label, made.store)[0], models.load(fit)[0]
        with torch.no_grad():
            ours, fitted = (method(x) for method in methods)
        assert ours.dtype == fitted.dtype == torch.float64
        scale = np.nanmax(np.abs(fitted.numpy()))
        np.testing.assert_allclose(ours, fitted, rtol=0, atol=1e-5 * scale)
        weights = zip(*(method.parameters() for method in methods), strict=True)
        assert not all(torch.equal(*pair) for pair in weights), "they are not in single precision"


def test_weights_say_what_they_are(made):
    with safe_open(made.store.weights("sparse"), "pt") as file:
        notes = json.loads(file.metadata()["methods"])
        shapes = {name: file.get_tensor(name).shape for name in file.keys()}  # noqa: SIM118
    assert notes.keys() == {"lista", "lista_tuned"}
    assert shapes["lista/A"] == (12, 8) and shapes["lista_tuned/log_step"] == (2,)
    (index,) = [
        entry
        for entry in json.loads(made.store.model("sparse", "lista", 1, 1).read_bytes())
        if entry["n_train"] == 32 and 0 in entry["seeds"]
    ]
    assert index["file"].startswith(notes["lista"].pop("fit"))
    assert notes["lista"] == {
        "method": "sparse_recovery.lista",
        "belief": "full",
        "settings": notes["lista"]["settings"] | {"iterations": 2, "rho": 0.1},
        "tuned": {},
        "point": {},
        "n_train": 32,
        "iterations": None,
        "seed": 0,
        "bytes": 4 * (12 * 8 + 12 * 12 + 2 + 2),
        "tensors_of": "lista",
    }
    assert notes["lista_tuned"]["tuned"] in ({"rho": 0.05}, {"rho": 0.5})


@pytest.mark.parametrize(("change", "is_kept"), [(1e-12, False), (1e-3, True), (np.nan, True)])
def test_last_digits_of_what_building_gives_are_not_kept(change, is_kept):
    """They differ between machines, and numbers of threads."""
    unfitted = StepLista(SPARSE_TRUTH, iterations=2, rho=0.1)
    fitted = copy.deepcopy(unfitted)
    assert fitted.H.shape == (8, 12)
    fitted.H[0, 0] += change
    names = set(learned_tensors(fitted, unfitted))
    assert names - {"H"} == {"log_step", "log_threshold"}
    assert ("H" in names) == is_kept


def test_weights_that_methods_share_are_kept_once(made):
    with safe_open(made.store.weights("array"), "pt") as file:
        notes = json.loads(file.metadata()["methods"])
        labels = {name.split("/")[0] for name in file.keys()}  # noqa: SIM118
    assert labels == {"learned_esprit"}
    assert {note["tensors_of"] for note in notes.values()} == labels


def test_of_a_large_network_it_is_said_how_large_it_is(made, tmp_path, monkeypatch):
    folder = shutil.copytree(made.folder, tmp_path / "again")
    monkeypatch.chdir(folder)
    monkeypatch.setattr("mbdl_repro.pipeline.weights.MOST_BYTES", 900)
    tabulate(job("tabulate", made.sparse, made.scale))
    store = Store.of(made.scale)
    with pytest.raises(UserError, match=r"no weights of lista, which take 0\.0 MB: .*/lista\.1of1"):
        load_kept(made.sparse, "lista", store)
    assert not safetensors.torch.load_file(store.weights("sparse"))


def test_what_has_no_weights_or_others_is_told(made, tmp_path, monkeypatch):
    with pytest.raises(UserError, match="sparse keeps no weights of 'ista'; did you mean lista"):
        load_kept(made.sparse, "ista", made.store)
    folder = shutil.copytree(made.folder, tmp_path / "again")
    monkeypatch.chdir(folder)
    path = folder / "workflow/experiments/sparse.yaml"
    path.write_text(path.read_text().replace("lista: {iterations: 2", "lista: {iterations: 3"))
    changed = experiment_file.load("sparse", made.scale)
    with pytest.raises(UserError, match="not those of the method as it is now"):
        load_kept(changed, "lista", made.store)


AT_OWN = ("noise_std: 0.3}\nbeliefs", "noise_std: 1.0}\nbeliefs")
AT_NONE = ("noise_std: 0.3}\nbeliefs", "noise_std: 0.5}\nbeliefs")
DEEP = ("lista: {iterations: 2", "lista: {depths: [1, 2]")


@pytest.mark.parametrize(
    ("name", "change", "label", "expected"),
    [
        ("linear", ("", ""), "discriminative", ({"noise_std": 0.3}, 40, None)),
        ("linear", AT_OWN, "discriminative", ({"noise_std": 1.0}, 40, None)),
        ("linear", AT_NONE, "aided_discriminative", ({"noise_std": 0.3}, 40, None)),
        ("linear", ("[20, 40]", "[40, 20]"), "discriminative", ({"noise_std": 0.3}, 40, None)),
        ("sparse", DEEP, "lista", ({}, 32, 2)),
    ],
)
def test_the_main_fit_is_at_the_scenarios_own_point(tmp_path, name, change, label, expected):
    """To the largest training set, and of the last depth."""
    text = {"linear": LINEAR, "sparse": SPARSE}[name]
    assert change[0] in text
    folder = project(tmp_path / "p", **{name: text.replace(*change)})
    with contextlib.chdir(folder):
        experiment = experiment_file.load(name, experiment_file.load_scale("full"))
    fit = main_fit(experiment, label)
    assert (fit.point, fit.n_train, fit.depth) == expected
    assert fit in experiment.fits(label) and fit.seeds[0] == 0


# --- more ---


def test_labels_that_share_a_fit_differ_in_their_answers(made):
    folder = made.store.results / "models/array"
    files = [
        [entry["file"] for entry in json.loads((folder / f"{name}.1of1.json").read_text())]
        for name in ("learned_esprit", "learned_music")
    ]
    assert files[0] == files[1]
    rows = rows_of(made.store.seed_rows("array"), metric="rmspe", correlation=0.0)
    esprit, music = (
        rows[rows["method"] == name]["value"].to_numpy()
        for name in ("learned_esprit", "learned_music")
    )
    assert (esprit != music).all()


def test_what_decoders_share_is_made_once_a_fit(made):
    """MUSIC and ESPRIT decompose the same matrices."""
    found = sorted(made.store.cache("encodings").glob("*.npz"))
    fits = made.array.fits("learned_music")
    assert len(found) == len(fits)
    shapes = {np.load(path)["encodings"].shape for path in found}
    assert shapes == {(len(fits[0].seeds), 20, 6, 6)}


def test_a_fit_that_labels_share_costs_once(made):
    record = json.loads(made.store.seed_rows("array").with_suffix(".record.json").read_text())
    cost = {name: seconds["train_seconds"] for name, seconds in record["cost"].items()}
    assert cost["learned_esprit"] > 0 == cost["learned_music"]


def test_a_method_without_such_a_thing_has_no_row_of_it(made):
    rows = rows_of(made.store.seed_rows("array"), correlation=0.0, seed=0)
    having = rows.groupby("metric")["method"].agg(set)
    assert having["wrong_count"] == {"music", "root_music"}
    assert having["eigenvalue_ratio"] == having["rmspe"] == set(made.array.methods)


def test_what_others_recomputed_is_no_published_number_in_figures(made):
    assert [value for _, value in made.array.published] == [0.1]
    assert [claim.printed for claim in made.array.claims] == [True, False]


def test_a_picture_drawn_again_is_the_same_bytes(made, tmp_path, monkeypatch):
    folder = shutil.copytree(made.folder, tmp_path / "again")
    monkeypatch.chdir(folder)
    for experiment in (made.linear, made.sparse):
        paths = [made.store.figure(experiment.name, suffix) for suffix in ("png", "pdf", "svg")]
        before = [path.read_bytes() for path in paths]
        for content, start in zip(before, (b"\x89PNG", b"%PDF", b"<?xml"), strict=True):
            assert content.startswith(start)
        width, height = struct.unpack(">II", before[0][16:24])
        assert width > 500 and height > 300
        draw(job("draw", experiment, made.scale))
        for path, content in zip(paths, before, strict=True):
            again = folder / path.relative_to(made.folder)
            assert again.read_bytes() == content, path.suffix


def test_the_report_shows_both(made):
    folder = made.store.report().parent
    pages = [path.read_text(encoding="utf-8") for path in folder.rglob("*.html")]
    for text in ("Tiny linear", "Tiny sparse", "Knowing all is better.", "It learns."):
        assert any(text in page for page in pages)
    for kind in ("pdf", "svg"):
        assert f'href="../figures/linear.{kind}"' in "".join(pages)
        copied = (folder / f"figures/linear.{kind}").read_bytes()
        assert copied == made.store.figure("linear", kind).read_bytes()


# --- grain: what is shared out does not change what comes of it ---


def scores_with(tmp_path: Path, name: str, text: str) -> dict[str, pd.DataFrame]:
    """Compute an experiment in a folder of its own; return the rows of each method."""
    folder = project(tmp_path / name, linear=text)
    with contextlib.chdir(folder):
        scale = experiment_file.load_scale("full")
        experiment = experiment_file.load("linear", scale)
        compute(experiment, scale)
        store = Store.of(scale)
        return {m: pd.read_csv(store.scores("linear", m)) for m in experiment.methods}


def by_place(rows: pd.DataFrame) -> pd.DataFrame:
    keys = ["metric", "noise_std", "test_noise_std", "n_train", "seed"]
    return rows.sort_values(keys).reset_index(drop=True)


def test_parts_blocks_and_methods_around_it_change_no_score(made, tmp_path):
    variants = {
        "one_job": LINEAR.replace(", jobs: 2", ""),
        "single_seeds": LINEAR.replace("block: 2", "block: 1"),
        "one_block": LINEAR.replace("block: 2", "block: 4"),
    }
    for name, text in variants.items():
        assert text != LINEAR
        for label, rows in scores_with(tmp_path, name, text).items():
            expected = pd.read_csv(made.store.scores("linear", label))
            if name == "one_job":
                pd.testing.assert_frame_equal(rows, expected, check_exact=True)
            # Rows of another block lie elsewhere in memory, where sums may be taken in another
            # order: a few roundings, of numbers of condition 10.
            pd.testing.assert_frame_equal(by_place(rows), by_place(expected), rtol=1e-12)


def test_more_seeds_are_more_blocks_and_move_no_number(made, tmp_path):
    more = scores_with(tmp_path, "more_seeds", LINEAR.replace("seeds: 4", "seeds: 6"))
    for label, rows in more.items():
        expected = pd.read_csv(made.store.scores("linear", label))
        there = rows[rows["seed"] < 4].reset_index(drop=True)
        assert set(rows["seed"]) == set(range(6))
        pd.testing.assert_frame_equal(by_place(there), by_place(expected), check_exact=True)
    entries = Path("results/cache/models")
    before = {path.name for path in (made.folder / entries).glob("*-*")}
    after = {path.name for path in (tmp_path / "more_seeds" / entries).glob("*-*")}
    linear = {
        entry["file"]
        for part in (1, 2)
        for entry in json.loads(made.store.model("linear", "discriminative", part, 2).read_bytes())
    }
    assert linear <= before & after
    assert len(after - linear) == len(linear) / 2  # a block of two more, of each fit


def test_a_second_run_gives_the_same_bytes(made, tmp_path):
    """Rows, tables, examples and weights are the same bits; only times differ."""
    folder = project(tmp_path / "again", linear=LINEAR, sparse=SPARSE, array=ARRAY)
    with contextlib.chdir(folder):
        for experiment in experiment_file.load_all(made.scale).values():
            compute(experiment, made.scale)
            for verb in (tabulate, summarize):
                verb(job(verb.__name__, experiment, made.scale))
    first = {
        path.relative_to(made.folder): path.read_bytes()
        for kind in ("data", "models", "scores", "bounds", "rows", "tables", "cache")
        for path in (made.store.results / kind).rglob("*")
        if path.is_file() and "record" not in path.name and path.name != "seconds.txt"
    }
    differing = [
        str(path)
        for path, content in first.items()
        if not (folder / path).is_file() or (folder / path).read_bytes() != content
    ]
    assert not differing


def test_a_finished_job_reads_what_it_has_and_fits_nothing(made, tmp_path, monkeypatch):
    folder = shutil.copytree(made.folder, tmp_path / "again")
    monkeypatch.chdir(folder)

    def refuse(*words, **more):
        raise AssertionError("it fits again")

    monkeypatch.setattr(
        "mbdl_repro.areas.linear_estimation.methods.discriminative.linear_regression", refuse
    )
    monkeypatch.setattr("mbdl_repro.contract.method.gradient_descent", refuse)
    before = {path: path.stat().st_mtime_ns for path in Path("results/cache").rglob("*-*")}
    scores = Path("results/scores/linear/discriminative.csv").read_bytes()
    train(job("train", made.linear, made.scale, "discriminative", 1))
    evaluate(job("evaluate", made.linear, made.scale, "discriminative"))
    assert {path: path.stat().st_mtime_ns for path in Path("results/cache").rglob("*-*")} == before
    assert Path("results/scores/linear/discriminative.csv").read_bytes() == scores


def test_a_lost_model_is_fitted_anew_to_the_same_scores(made, tmp_path, monkeypatch):
    folder = shutil.copytree(made.folder, tmp_path / "again")
    monkeypatch.chdir(folder)
    scores = Path("results/scores/sparse/lista.csv").read_bytes()
    shutil.rmtree("results/cache/models")
    shutil.rmtree("results/cache/scores")
    evaluate(job("evaluate", made.sparse, made.scale, "lista"))
    assert Path("results/scores/sparse/lista.csv").read_bytes() == scores


@pytest.mark.parametrize(
    ("stage", "does", "method", "kind", "times"),
    [
        (bound, "stages.bound.values", None, "bounds", 2 * 2 + 2 * 2 * 2),
        (evaluate, "models.build", "linear_mmse", "scores", 2),
    ],
)
def test_what_is_the_same_for_all_blocks_of_seeds_is_made_once(
    made, tmp_path, monkeypatch, stage, does, method, kind, times
):
    """A bound that looks at no signals at each place, and a method at each point of the sweep."""
    monkeypatch.chdir(shutil.copytree(made.folder, tmp_path / "again"))
    module, _, name = f"mbdl_repro.pipeline.{does}".rpartition(".")
    work, calls = getattr(importlib.import_module(module), name), []
    monkeypatch.setattr(f"{module}.{name}", lambda *words: calls.append(words) or work(*words))
    shutil.rmtree(f"results/cache/{kind}")
    files = Path(f"results/{kind}").rglob(f"*{method or 'linear'}.csv")
    before = {path: path.read_bytes() for path in files}
    stage(job(stage.__name__, made.linear, made.scale, *filter(None, [method])))
    assert before and {path: path.read_bytes() for path in before} == before
    assert len(calls) == times


# --- what is stored ---


def test_the_kind_of_device_is_part_of_what_a_score_stands_on(made, tmp_path, monkeypatch):
    """Another device of the same kind finds what was computed; another kind does not."""
    folder = shutil.copytree(made.folder, tmp_path / "again")
    monkeypatch.chdir(folder)
    record_path = Path("results/scores/sparse/lista.record.json")
    before = json.loads(record_path.read_bytes())
    assert before["device"] == before["code"]["device"] == "cpu"
    entries = set(Path("results/cache/scores").glob("*.npz"))
    evaluate(job("evaluate", made.sparse, made.scale, "lista", device="cpu:0"))
    after = json.loads(record_path.read_bytes())
    assert after["device"] == "cpu:0"
    for key in ("files", "spec", "code"):
        assert after[key] == before[key]
    assert set(Path("results/cache/scores").glob("*.npz")) == entries
    for cache in (model_cache, score_cache):
        one, other = (cache(made.sparse, "lista", made.store, d) for d in ("cpu", "cuda:1"))
        assert one.key({}) != other.key({})
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UserError, match="device=cuda: torch finds no such device here"):
        evaluate(job("evaluate", made.sparse, made.scale, "lista", device="cuda"))


def test_a_new_version_of_what_computes_reuses_nothing(made, monkeypatch):
    caches = [
        lambda: model_cache(made.sparse, "lista", made.store, "cpu"),
        lambda: score_cache(made.sparse, "lista", made.store, "cpu"),
        lambda: data_cache(made.sparse, made.store),
        lambda: bound_cache(made.sparse, "oracle_least_squares_empirical", made.store),
    ]
    before = [cache().key({}) for cache in caches]
    installed = importlib.metadata.version
    for package, changed in (("torch", [1, 1, 0, 0]), ("numpy", [1, 1, 1, 1])):
        newer = {package: "99.0"}
        monkeypatch.setattr(
            importlib.metadata,
            "version",
            lambda name, newer=newer: newer.get(name, installed(name)),
        )
        fingerprint.forget()
        after = [cache().key({}) for cache in caches]
        assert [a != b for a, b in zip(after, before, strict=True)] == [bool(c) for c in changed]
    monkeypatch.undo()
    fingerprint.forget()


def test_entries_hold_numbers_and_no_programs(made):
    kinds = set()
    for path in made.store.results.joinpath("cache").rglob("*"):
        if path.is_dir() or path.name in ("seconds.txt", ".lock"):
            continue
        kinds.add((path.parent.name, path.suffix))
        if path.suffix == ".npz":
            with zipfile.ZipFile(path) as archive:
                for name in archive.namelist():
                    content = archive.read(name)
                    assert content.startswith(b"\x93NUMPY")
                    header = content[10 : 10 + struct.unpack("<H", content[8:10])[0]]
                    assert b"'|O'" not in header
            with np.load(path, allow_pickle=False) as arrays:
                assert all(arrays[name].dtype != object for name in arrays.files)
        else:
            content = path.read_bytes()
            length = struct.unpack("<Q", content[:8])[0]
            header = json.loads(content[8 : 8 + length])
            tensors = {name: entry for name, entry in header.items() if name != "__metadata__"}
            assert {entry["dtype"] for entry in tensors.values()} <= {"F64"}
            ends = max((entry["data_offsets"][1] for entry in tensors.values()), default=0)
            assert len(content) == 8 + length + ends
        key, checksum = path.stem.split("-")
        assert hashlib.sha256(path.read_bytes()).hexdigest().startswith(checksum)
        assert len(key) == len(checksum) == 24
    assert kinds == {
        ("data", ".npz"),
        ("scores", ".npz"),
        ("bounds", ".npz"),
        ("encodings", ".npz"),
        ("models", ".safetensors"),
    }


VERSIONED = {"python", "numpy", "scipy", "torch", "pandas", "matplotlib", "snakemake"}


def test_every_result_has_a_whole_record(made, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # where there are no comparisons, as where they were made
    results = [
        path
        for root in (made.store.results, made.store.figures)
        for path in root.rglob("*")
        if path.is_file() and "cache" not in path.parts
    ]
    records = [path for path in results if path.name.endswith(".record.json")]
    vouched = set()
    for path in records:
        record = json.loads(path.read_bytes())
        for name, checksum in {**record["files"], **record.get("pages", {})}.items():
            vouched.add(path.parent / name)
            assert hashlib.sha256((path.parent / name).read_bytes()).hexdigest() == checksum
        assert record["cpu_seconds"] > 0 and "seconds" not in record
        assert 10 < record["max_memory_mb"] < 100_000
        assert record["versions"].keys() >= VERSIONED
        assert record["versions"]["torch"].split("+")[0] == torch.__version__.split("+")[0]
        assert pd.Timestamp(record["created"]).tzinfo is not None
        assert isinstance(record["commit"], str) and record["commit"]
        assert record["scale"] == "full" and record["device"] == "cpu"
        every = {name: getattr(made, name) for name in ("array", "linear", "sparse")}
        words = [record[key] for key in ("verb", "experiment", "method")]
        part = int(path.name.split(".")[1][0]) if record["verb"] == "train" else 1
        expected = stands_on(task_of(words[0], every, *words[1:], part), every, "cpu")
        assert {key: record[key] for key in expected} == json.loads(json.dumps(expected))
    assert vouched == set(results) - set(records)
    verbs = {json.loads(path.read_bytes())["verb"] for path in records}
    assert verbs == {
        "simulate",
        "train",
        "evaluate",
        "bound",
        "tabulate",
        "summarize",
        "verify",
        "draw",
        "gather",
        "report",
    }


def test_costs_and_what_was_chosen_stand_with_the_rows(made):
    record = json.loads((made.store.results / "rows/linear.record.json").read_bytes())
    cost = record["cost"]
    assert cost.keys() == made.linear.methods.keys()
    assert cost["linear_mmse"]["train_seconds"] == 0 < cost["discriminative"]["train_seconds"]
    assert all(entry["evaluate_seconds"] > 0 for entry in cost.values())
    assert record["chosen"] == {}
    record = json.loads((made.store.results / "rows/sparse.record.json").read_bytes())
    assert record["chosen"].keys() == {"ista", "ista_each", "lista_tuned"}
    assert record["chosen"]["lista_tuned"].keys() == {"rho"}
    table = json.loads((made.store.results / "tables/sparse.record.json").read_bytes())
    assert not {"cost", "chosen"} & table.keys()


def test_data_are_stored_once_for_all_methods(made):
    index = json.loads(made.store.data("linear").read_bytes())
    assert len(index) == 2 * 2 * 3  # points; blocks; what is trained with, and two test points
    assert len({entry["file"] for entry in index}) == 2 * 2 + 2 * 2  # test sets are of both points
    for entry in index:
        with np.load(made.store.cache("data") / entry["file"]) as arrays:
            noise = (entry["test_point"] or entry["point"])["noise_std"]
            splits = {name.split("_")[0] for name in arrays.files}
            assert splits == ({"test"} if entry["test_point"] else {"train", "validation"})
            for i, seed in enumerate(entry["seeds"]):
                for name in splits:
                    draw_of = linear(noise).draw(len(arrays[f"{name}_x"][i]), name, seed)
                    np.testing.assert_array_equal(arrays[f"{name}_x"][i], draw_of.x)
                    np.testing.assert_array_equal(arrays[f"{name}_s"][i], draw_of.s)
