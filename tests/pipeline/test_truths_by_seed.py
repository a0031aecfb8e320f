"""A truth of which each seed has one of its own: data, beliefs and bounds of a seed are of it."""

import contextlib

import numpy as np
import pandas as pd
import pytest
from jobs import job
from pipeline.running import compute, project

from mbdl_repro.areas.doa import bounds
from mbdl_repro.areas.doa.methods.fitted_array import FittedArray
from mbdl_repro.areas.doa.methods.maximum_likelihood import MaximumLikelihood
from mbdl_repro.areas.doa.metrics import rmspe
from mbdl_repro.areas.doa.scenario import Misplaced
from mbdl_repro.experiments import reading as experiment_file
from mbdl_repro.pipeline.caches import fit_code, score_code
from mbdl_repro.pipeline.stages.tabulate import tabulate
from mbdl_repro.pipeline.weights import load_kept
from mbdl_repro.store.paths import Store

TEXT = """\
book: {example: null, section: "5.1", title: Arrays, says: It depends.}
area: doa
scenario: {kind: misplaced, n_sources: 2, n_snapshots: 20, snr_db: 20.0, spacing_error: 0.03}
beliefs: {planned: {spacing_error: 0.0}}
sweep: {n_train: [20]}
samples: {validation: 10, test: 30}
seeds: 3
methods:
  planned: {method: maximum_likelihood, belief: planned}
  told: {method: maximum_likelihood}
  fitted_array: {belief: planned}
metrics: [rmspe, median_rmspe]
bounds: [stochastic_crb_median, told_the_rest_rmspe]
figure: {caption: Error., panels: [{kind: dots, title: Error, y: rmspe, methods: [planned, told]}]}
"""
TRUTH = Misplaced(n_sources=2, n_snapshots=20, snr_db=20.0, spacing_error=0.03)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The experiment, and the rows of each seed."""
    folder = project(tmp_path_factory.mktemp("arrays") / "p", mine=TEXT)
    with contextlib.chdir(folder):
        scale = experiment_file.load_scale("full")
        experiment = experiment_file.load("mine", scale)
        compute(experiment, scale)
        tabulate(job("tabulate", experiment, scale))
        store = Store.of(scale)
        kept, _ = load_kept(experiment, "fitted_array", store)
        return pd.read_csv(store.seed_rows("mine")), kept


def row(rows: pd.DataFrame, method: str, metric: str, seed: int) -> float:
    found = rows[(rows["method"] == method) & (rows["metric"] == metric) & (rows["seed"] == seed)]
    return found["value"].item()


@pytest.mark.parametrize("seed", range(3))
def test_rows_of_a_seed_are_those_of_its_array(made, seed):
    rows, _ = made
    array, test = TRUTH.of_seed(seed), TRUTH.draw(30, "test", seed)
    planned = TRUTH.believed(spacing_error=0.0).of_seed(seed)
    fitted = FittedArray(planned)
    fitted.fit(TRUTH.draw(20, "train", seed), TRUTH.draw(10, "validation", seed))
    told = MaximumLikelihood(array)
    for name, method in (
        ("told", told),
        ("planned", MaximumLikelihood(planned)),
        ("fitted_array", fitted),
    ):
        expected = rmspe(method.estimate(test.x), test, array).mean()
        assert row(rows, name, "rmspe", seed) == pytest.approx(expected, rel=1e-6)
    crb = np.median(bounds.stochastic_crb_median(array, test))
    assert row(rows, "stochastic_crb_median", "median_rmspe", seed) == pytest.approx(crb, rel=1e-6)
    floor = bounds.told_the_rest_rmspe(array)
    assert row(rows, "told_the_rest_rmspe", "rmspe", seed) == pytest.approx(floor, rel=1e-6)


def test_weights_that_are_kept_are_those_of_the_first_seeds_array(made):
    rows, kept = made
    test = TRUTH.draw(30, "test", 0)
    expected = row(rows, "fitted_array", "rmspe", 0)
    assert rmspe(kept.estimate(test.x), test, TRUTH).mean() == pytest.approx(expected, rel=1e-3)


def test_which_array_a_seed_believes_in_is_part_of_what_fits_and_scores_stand_on(tmp_path):
    alike = TEXT.replace("kind: misplaced", "kind: narrowband")
    with contextlib.chdir(project(tmp_path / "p", mine=TEXT, alike=alike)):
        scale = experiment_file.load_scale("full")
        for name in ("mine", "alike"):
            experiment = experiment_file.load(name, scale)
            codes = fit_code(experiment, "fitted_array"), score_code(experiment, "told")
            assert ["in_seed" in code.definitions for code in codes] == [name == "mine"] * 2
