"""A project of two small experiments with stored results, for what reads results."""

import contextlib
import os
import shutil
import struct
from pathlib import Path

# Last bits depend on the number of threads, so each job of a run has one: tests have it, too.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# Tests start many processes, each of which would compile the whole package again.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

import numpy as np
import pandas as pd
import pytest
from jobs import job
from records import RECORD

from mbdl_repro.contract.family import Family
from mbdl_repro.experiments import reading as experiment_file
from mbdl_repro.pipeline.rows import groups_of
from mbdl_repro.pipeline.stages.gather import gather
from mbdl_repro.pipeline.stages.summarize import summarize
from mbdl_repro.pipeline.stages.verify import verify
from mbdl_repro.store.files import arrays_to_small_bytes, table_to_bytes
from mbdl_repro.store.paths import Store
from mbdl_repro.store.records import write_outputs

REPOSITORY = Path(__file__).parent.parent

SPARSE = """\
book:
  example: "5.6"
  section: "5.3"
  title: Learned <ISTA> & friends
  says: Five layers do what a hundred steps do not.
area: sparse_recovery
scenario: {observation_matrix: unit_columns, n_observations: 15, n_signal: 20, n_nonzeros: 2,
           nonzero_std: 0.5, noise_std: 0.01}
sweep: {n_train: [100]}
samples: {validation: 10, test: 10}
seeds: 4
methods:
  ista: {iterations: 100, tune: {rho: [0.01, 0.02]}, legend: "ISTA, ρ tuned"}
  ista_book: {method: ista, iterations: 100, rho: 0.5, legend: "ISTA, ρ = 0.5"}
  lista: {iterations: 5, rho: 0.1, recipe: {steps: 30}, legend: LISTA}
metrics: [squared_error, squared_residual]
trace: [0, 5]
bounds: [oracle_least_squares]
figure:
  caption: Error by layer.
  panels:
    - {kind: lines, title: Convergence, x: iteration, y: squared_error}
published:
  - {source: the notebook, method: lista, value: 0.5, tolerance: 0.2, remark: Their mean of <one>.}
claims:
  - says: LISTA is better than <script>alert("ISTA")</script> & co.
    source: Example 5.6
    left: {method: lista}
    relation: below
    right: {method: ista}
  - {says: Tuning is in vain., source: ours, left: {method: ista_book}, relation: below,
     right: {method: ista}, factor: 1.5}
"""

LINEAR = """\
book: {example: null, section: "5.1", title: A linear estimator, says: It depends.}
area: linear_estimation
scenario: {n_signal: 3, n_observations: 3, observation_matrix: gaussian,
           signal_covariance: exponential, noise_std: 0.3}
beliefs:
  unknown_matrix: {observation_matrix: null}
sweep: {noise_std: [0.1, 0.3], n_train: [10, 20]}
samples: {validation: 10, test: 10}
seeds: 4
methods:
  linear_mmse: {legend: MMSE}
  generative: {belief: unknown_matrix}
metrics: [squared_error]
bounds: [minimum_mean_squared_error]
figure:
  caption: Error by data.
  panels:
    - {kind: lines, title: At 0.3, where: {noise_std: 0.3}, x: n_train, y: squared_error}
claims:
  - {says: It is like itself., source: ours, left: {method: generative}, relation: below,
     right: {method: linear_mmse}, at: {noise_std: 0.3, n_train: 10}}
  - {says: Nobody looked., source: ours, left: {method: generative}, relation: below,
     right: {method: linear_mmse}, at: {noise_std: 0.3, n_train: 20}}
"""

TESTS = Path(__file__).parent

BEGUN_FIRST = ("workflow", "test_checks.py", "docs/test_notebooks.py", "contract")
"""In this order: tests that take long, or share what takes long to make.

Each process takes a stretch of all tests, and one that is done takes over the end of another's:
nobody waits for a long test, and little is made twice.
"""

OF_ALL_THERE_IS = ("docs", "figures/test_kept_figures.py", "parity")
"""Tests that run the same lines for every notebook or figure that there is.

Tests of single files reach these lines, too. To count them here again would take half as long as
the tests; what is counted without them is at least covered.
"""


def pytest_collection_modifyitems(items):
    """Order tests, and say which of them coverage leaves out."""
    places = {item: item.path.relative_to(TESTS).as_posix() for item in items}
    items.sort(key=lambda item: [not places[item].startswith(first) for first in BEGUN_FIRST])
    for item, place in places.items():
        if place.startswith(OF_ALL_THERE_IS):
            item.add_marker(pytest.mark.no_cover)


MEANS = {"ista": 1.0, "ista_book": 2.0, "lista": 0.5}
PNG = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", 920, 600)


@pytest.fixture(scope="session")
def project(tmp_path_factory):
    """The folder of the project, for reading only."""
    root = tmp_path_factory.mktemp("project")
    with contextlib.chdir(root):
        make(root)
    return root


@pytest.fixture
def store(project, tmp_path, monkeypatch):
    """The store of a copy of the project, which is the current folder."""
    root = shutil.copytree(project, tmp_path / "project")
    monkeypatch.chdir(root)
    return Store.of(experiment_file.load_scale("full"))


def make(root: Path) -> None:
    """Write the project's files and results into this folder, which is the current one."""
    shutil.copytree(REPOSITORY / "workflow/scales", root / "workflow/scales")
    folder = root / "workflow/experiments"
    folder.mkdir()
    (folder / "5.06_lista.yaml").write_text(SPARSE, encoding="utf-8")
    (folder / "6.01_linear.yaml").write_text(LINEAR, encoding="utf-8")
    scale = experiment_file.load_scale("full")
    store = Store.of(scale)
    record = RECORD | {"scale": "full", "commit": "0123456789ab+", "device": "cpu"}
    record |= {"created": "2026-01-02T03:04:05+00:00", "versions": {"python": "3.11.7"}}
    experiments = experiment_file.load_all(scale)
    for name, experiment in experiments.items():
        rows = rows_of(experiment)
        cost = {label: {"train_seconds": 150.0, "evaluate_seconds": 1.5} for label in MEANS}
        outputs = {store.seed_rows(name): table_to_bytes(rows)}
        outputs[store.groups(name)] = arrays_to_small_bytes(groups_of(rows))
        write_outputs(outputs, record | {"cost": cost})
        write_outputs({store.figure(name): PNG}, record)
        for verb in (summarize, verify):
            verb(job(verb.__name__, experiment, scale))
    gather(job("gather", experiments, scale))


def rows_of(experiment) -> pd.DataFrame:
    """Return a value for every seed, place, metric and recorded iteration."""
    rng = np.random.default_rng(3)
    families = {label: entry.info.family for label, entry in experiment.methods.items()}
    families |= dict.fromkeys(experiment.bounds, Family.BOUND)
    rows = []
    for label, family in families.items():
        learns = family.learns
        metrics = experiment.metrics if family is not Family.BOUND else ["squared_error"]
        for point, n_train in experiment.runs if learns else [(p, 0) for p in experiment.points]:
            if n_train == 20:
                continue  # as if it had not been run
            for metric in metrics:
                for iteration in [*experiment.trace, np.nan]:
                    for seed in range(experiment.n_seeds):
                        rows.append(
                            {
                                **point,
                                "n_train": n_train,
                                "method": label,
                                "n_parameters": 1234 if learns else 0,
                                "seed": seed,
                                "iteration": iteration,
                                "metric": metric,
                                "value": MEANS.get(label, 1.0) + 0.01 * rng.standard_normal(),
                                "standard_error": 0.01,
                                "n_test": 10,
                            }
                        )
    return pd.DataFrame(rows)
