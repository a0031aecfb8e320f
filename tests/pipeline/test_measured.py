"""Pairs that were measured go through an experiment as simulated ones do."""

import contextlib

import numpy as np
import pandas as pd
import pytest
from jobs import job
from pipeline.running import compute, project

from mbdl_repro.areas.linear_estimation.scenario import LinearGaussian
from mbdl_repro.areas.sparse_recovery.scenario import SparseRecovery
from mbdl_repro.contract.scenario import Split
from mbdl_repro.contract.seeding import rng_for
from mbdl_repro.errors import UserError
from mbdl_repro.experiments import reading as experiment_file
from mbdl_repro.experiments import specs
from mbdl_repro.pipeline.stages.tabulate import tabulate
from mbdl_repro.store.paths import Store

N = 60
TRUTH = LinearGaussian(n_signal=3, n_observations=4, observation_matrix="gaussian", noise_std=0.5)
LINEAR = """\
book: {example: null, section: "5.1", title: Measured, says: It depends.}
area: linear_estimation
measured: data/pairs.npz
scenario: {n_signal: 3, n_observations: 4, observation_matrix: gaussian, noise_std: 0.5}
sweep: {n_train: [10, 30]}
samples: {validation: 5, test: 20}
seeds: 3
methods: {linear_mmse: {}, discriminative: {}}
metrics: [squared_error]
figure: {caption: Error., panels: [{kind: lines, title: Error, x: n_train, y: squared_error}]}
"""
SPARSE_TRUTH = SparseRecovery(
    observation_matrix="unit_columns",
    n_observations=8,
    n_signal=12,
    n_nonzeros=2,
    nonzero_std=0.5,
    noise_std=0.05,
)
SPARSE = """\
book: {example: null, section: "3.2", title: Measured, says: It depends.}
area: sparse_recovery
measured: data/pairs.npz
scenario: {observation_matrix: unit_columns, n_observations: 8, n_signal: 12, n_nonzeros: 2,
           nonzero_std: 0.5, noise_std: 0.05}
samples: {validation: 5, test: 20}
seeds: 1
methods: {lasso: {rho: 0.1}}
metrics: [squared_residual]
figure:
  caption: Error.
  panels: [{kind: dots, title: Residual, y: squared_residual, methods: [lasso]}]
"""


@pytest.fixture
def here(tmp_path):
    """A project of one experiment, in which a test stands."""

    def stand(text: str, **arrays: np.ndarray):
        folder = project(tmp_path / "p", mine=text)
        (folder / "data").mkdir()
        np.savez(folder / "data/pairs.npz", **arrays)
        stack.enter_context(contextlib.chdir(folder))
        return folder

    with contextlib.ExitStack() as stack:
        yield stand


def load():
    scale = experiment_file.load_scale("full")
    return experiment_file.load("mine", scale), scale


def pairs() -> Split:
    return TRUTH.draw(N, "measured")


def test_each_seed_has_its_own_split_of_the_pairs(here):
    x, s = pairs()
    here(LINEAR, x=x.astype(np.float32), s=s)
    experiment, scale = load()
    compute(experiment, scale)
    tabulate(job("tabulate", experiment, scale))
    rows = pd.read_csv(Store.of(scale).seed_rows("mine"))
    x = x.astype(np.float32).astype(float)
    H = TRUTH.matrix
    C = TRUTH.covariance
    gain = C @ H.T @ np.linalg.inv(H @ C @ H.T + 0.25 * np.eye(4))
    for seed in range(3):
        order = rng_for("measured", seed).permutation(N)
        test, train = order[:20], order[25:]
        of_seed = rows[rows["seed"] == seed]
        error = np.square(x[test] @ gain.T - s[test]).sum(1).mean()
        (bayes,) = of_seed[of_seed["method"] == "linear_mmse"]["value"]
        assert bayes == pytest.approx(error, rel=1e-7)  # eight digits
        for n in (10, 30):
            learned = of_seed[(of_seed["method"] == "discriminative") & (of_seed["n_train"] == n)]
            known = np.hstack([x, np.ones((N, 1))])
            answer = known[test] @ np.linalg.lstsq(known[train[:n]], s[train[:n]])[0]
            expected = np.square(answer - s[test]).sum(1).mean()
            assert learned["value"].item() == pytest.approx(expected, rel=1e-7)  # eight digits


def test_another_file_is_another_specification(here):
    x, s = pairs()
    folder = here(LINEAR, x=x, s=s)
    before = specs.tabulate_spec(load()[0])
    assert before == specs.tabulate_spec(load()[0])
    np.savez(folder / "data/pairs.npz", x=x, s=2 * s)
    assert before != specs.tabulate_spec(load()[0])


def test_a_file_that_changes_during_a_run_is_told(here):
    x, s = pairs()
    folder = here(LINEAR, x=x, s=s)
    experiment, scale = load()
    np.savez(folder / "data/pairs.npz", x=x, s=2 * s)
    with pytest.raises(UserError, match=r"pairs\.npz: changed since the run began"):
        compute(experiment, scale)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda x, s: {"x": x[:, :3], "s": s}, r"x has rows of shape \(3,\), .* says \(4,\)"),
        (lambda x, s: {"x": x, "s": s[:, :2]}, r"s has rows of shape \(2,\)"),
        (lambda x, s: {"x": x + 1j, "s": s}, "x has rows of shape .* complex128: .* float64"),
    ],
    ids=["x", "s", "complex"],
)
def test_pairs_of_another_shape_are_refused(here, change, words):
    here(LINEAR, **change(*pairs()))
    experiment, scale = load()
    with pytest.raises(UserError, match=words):
        compute(experiment, scale)


def test_without_targets_what_needs_none_still_runs(here):
    x, _ = SPARSE_TRUTH.draw(40, "measured")
    here(SPARSE, x=x)
    experiment, scale = load()
    compute(experiment, scale)
    tabulate(job("tabulate", experiment, scale))
    (value,) = pd.read_csv(Store.of(scale).seed_rows("mine"))["value"]
    assert 0 < value < np.square(x).sum(1).mean()


REFUSED = {
    "metric": (
        SPARSE,
        ("metrics: [squared_residual]", "metrics: [squared_error]"),
        "compares with targets.*allowed: squared_residual",
    ),
    "learned": (SPARSE, ("{lasso: {", "{lista: {iterations: 3, "), "lista is fitted to targets"),
    "tuned": (SPARSE, ("rho: 0.1", "tune: {rho: [0.1, 0.2]}"), "lasso is fitted to targets"),
    "bound": (LINEAR, ("metrics:", "bounds: [minimum_mean_squared_error]\nmetrics:"), "the truth"),
    "sweep": (LINEAR, ("[10, 30]", "[10], noise_std: [0.1]"), "only n_train can be swept"),
    "too many": (
        LINEAR,
        ("[10, 30]", "[10, 36]"),
        r"36 \+ validation 5 \+ test 20 = 61 pairs .* has 60",
    ),
    "no file": (LINEAR, ("pairs.npz", "other.npz"), "No such file"),
    "a folder": (LINEAR, ("data/pairs.npz", "data"), "is no file"),
    "no numbers": (LINEAR, ("data/pairs.npz", "workflow/scales/full.yaml"), "numpy.savez"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_asked_of_them_is_refused_where_it_stands(here, case):
    text, (old, new), words = REFUSED[case]
    assert text.count(old) == 1
    x, s = pairs() if text is LINEAR else SPARSE_TRUTH.draw(40, "measured")
    here(text.replace(old, new), **({"x": x, "s": s} if text is LINEAR else {"x": x}))
    with pytest.raises(UserError, match=words):
        load()


@pytest.mark.parametrize(
    "arrays",
    [
        {"y": np.ones(3)},
        {"x": np.ones((3, 4)), "s": np.ones((2, 3))},
        {"x": np.float64(1)},
        {"x": np.array(["a"])},
        {"x": np.array([{}], dtype=object)},
        {"x": np.ones((0, 4))},
    ],
    ids=["another name", "lengths", "a number", "text", "objects", "none"],
)
def test_arrays_that_are_no_pairs_are_refused(here, arrays):
    here(LINEAR, **arrays)
    with pytest.raises(UserError, match=r"measured: 'data/pairs\.npz': "):
        load()
