"""Methods compared in Python have the numbers that an experiment gives them."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch

import mbdl_repro as mbdl
from mbdl_repro.experiments import reading
from mbdl_repro.face.compared import Compared
from mbdl_repro.figures.style import COLOURS
from mbdl_repro.statistics.intervals import mean_interval

SPARSE, LINEAR = mbdl.sparse_recovery, mbdl.linear_estimation
TRUTH = LINEAR.LinearGaussian(
    n_signal=3, n_observations=4, observation_matrix="gaussian", noise_std=0.5
)


def test_it_has_the_numbers_of_the_experiment():
    """Signals, choices and scores of 5.06's first seeds, as its kept rows have them."""
    full = reading.load_scale("full")
    experiment = reading.load("5.06_lista", full)
    entry = experiment.methods["ista_5"]
    found = mbdl.compare(
        {
            "ista_book": mbdl.Candidate(SPARSE.Ista, iterations=100, rho=0.5),
            "ista_5": mbdl.Candidate(SPARSE.Ista, iterations=5, tune=entry.tune),
        },
        experiment.scenario,
        bounds=["oracle_bayes"],
        n_validation=experiment.samples.validation,
        n_test=experiment.samples.test,
        seeds=2,
    )
    kept = pd.read_csv("results/rows/5.06_lista.csv")
    kept = kept[kept["iteration"].isna() & (kept["seed"] < 2) & (kept["metric"] == "squared_error")]
    for label in ("ista_book", "ista_5", "oracle_bayes"):
        ours = found.rows.loc[found.rows["method"] == label, "value"]
        theirs = kept.loc[(kept["method"] == label) & kept["n_train"].isin([0, 1000]), "value"]
        np.testing.assert_allclose(ours, theirs[:2], rtol=1e-6)
    assert [set(one) for one in found.chosen["ista_5"]] == [{"rho", "step"}] * 2


@pytest.fixture(scope="module")
def found():
    H = TRUTH.matrix
    return mbdl.compare(
        {
            "mmse": LINEAR.LinearMMSE,
            "learned": LINEAR.Discriminative,
            "own": lambda x: np.linalg.lstsq(H, x.T, rcond=None)[0].T,
            "fitted": LINEAR.LinearMMSE(TRUTH),
        },
        TRUTH,
        metrics=["squared_error", "relative_error"],
        bounds=["minimum_mean_squared_error"],
        n_train=50,
        n_validation=20,
        n_test=200,
        seeds=3,
    )


def values(found, method, metric="squared_error"):
    rows = found.rows[(found.rows["method"] == method) & (found.rows["metric"] == metric)]
    return rows.sort_values("seed")["value"].to_numpy()


def test_a_function_is_measured_as_a_method_is(found):
    expected = []
    for seed in range(3):
        x, s = TRUTH.draw(200, "test", seed)
        own = x @ np.linalg.inv(TRUTH.matrix.T @ TRUTH.matrix @ np.eye(3)).dot(TRUTH.matrix.T).T
        expected.append(np.mean(np.sum((own - s) ** 2, axis=1)))
    np.testing.assert_allclose(values(found, "own"), expected, rtol=1e-10)
    np.testing.assert_array_equal(values(found, "mmse"), values(found, "fitted"))
    assert (values(found, "learned") > values(found, "mmse")).all()


def test_the_table_has_intervals_over_seeds(found):
    row = found.table.set_index(["method", "metric"]).loc[("learned", "squared_error")]
    expected = mean_interval(values(found, "learned"), scale="ratio")
    np.testing.assert_allclose(
        row[["mean", "ci_low", "ci_high"]].astype(float),
        [expected.mean, expected.low, expected.high],
        rtol=1e-7,
    )
    assert row["n_seeds"] == 3
    assert row["n_parameters"] == 15  # with an offset each
    lines = repr(found).splitlines()
    assert [line.split()[0] for line in lines if " ± " in line][:3] == ["mmse", "learned", "own"]


def test_pairs_compare_by_ratios(found):
    effects = found.against("mmse").set_index("method")
    ratio = values(found, "learned").mean() / values(found, "mmse").mean()
    assert effects.loc["learned", "ratio"] == pytest.approx(ratio)
    assert effects.loc["learned", "ci_low"] < ratio < effects.loc["learned", "ci_high"]
    assert effects.loc["fitted", "ratio"] == 1
    assert set(effects.index) == {"learned", "own", "fitted", "minimum_mean_squared_error"}
    with pytest.raises(ValueError, match="no 'mmsee' was compared; did you mean mmse"):
        found.against("mmsee")


def test_what_learns_is_fitted_anew_in_each_seed():
    class Scaled(mbdl.Method):
        """ŝ = c x, in one's own file."""

        family = mbdl.Family.DISCRIMINATIVE_LEARNING

        def __init__(self, belief):
            super().__init__()
            self.c = torch.nn.Parameter(torch.zeros(3, 4, dtype=torch.float64))

        def forward(self, x):
            return x @ self.c.mT

    recipe = mbdl.Recipe(steps=200, learning_rate=0.03, batch_size=50)
    found = mbdl.compare(
        [Scaled, LINEAR.Discriminative], TRUTH, n_train=50, n_test=100, seeds=2, recipe=recipe
    )
    assert len(set(values(found, "Scaled"))) == 2
    np.testing.assert_allclose(values(found, "Scaled"), values(found, "discriminative"), rtol=0.1)


def test_a_candidate_may_believe_something_else():
    wrong = TRUTH.believed(noise_std=5.0)
    found = mbdl.compare(
        {"right": LINEAR.LinearMMSE, "wrong": mbdl.Candidate(LINEAR.LinearMMSE, belief=wrong)},
        TRUTH,
        seeds=1,
    )
    assert values(found, "wrong") > 1.5 * values(found, "right")


def test_each_seed_may_have_an_array_of_its_own():
    """In each seed the method that knows the array is told that seed's."""
    truth = mbdl.doa.Misplaced(
        n_sources=1, n_sensors=4, n_snapshots=20, spacing_error=0.1, snr_db=30.0
    )
    planned = truth.believed(spacing_error=0.0)
    found = mbdl.compare(
        {"told": mbdl.doa.Bartlett, "planned": mbdl.Candidate(mbdl.doa.Bartlett, belief=planned)},
        truth,
        n_test=50,
        seeds=2,
    )
    assert (values(found, "told", "rmspe") < 0.5 * values(found, "planned", "rmspe")).all()


@pytest.fixture(scope="module")
def sized():
    methods = {"mmse": LINEAR.LinearMMSE, "learned": LINEAR.Discriminative}
    bounds = ["minimum_mean_squared_error"]
    return mbdl.compare(methods, TRUTH, bounds=bounds, n_train=[50, 20], n_test=200, seeds=3)


def test_several_sizes_stand_in_a_column_each_as_it_is_alone(sized):
    places = sized.table[["method", "n_train"]].itertuples(index=False, name=None)
    bound = ("minimum_mean_squared_error", 0)
    assert set(places) == {("mmse", 0), ("learned", 50), ("learned", 20), bound}
    for n in (20, 50):
        alone = mbdl.compare([LINEAR.Discriminative], TRUTH, n_train=n, n_test=200, seeds=3)
        assert "n_train" not in alone.table
        rows = sized.rows[(sized.rows["method"] == "learned") & (sized.rows["n_train"] == n)]
        np.testing.assert_allclose(rows["value"], alone.rows["value"], rtol=1e-12)
    lines = [line.split()[:2] for line in repr(sized).splitlines()]
    assert ["learned", "50"] in lines and ["learned", "20"] in lines


def test_at_several_sizes_each_meets_the_reference_of_its_own(sized):
    by_size = sized.against("mmse").set_index(["method", "n_train"])["ratio"]
    assert by_size["learned", 20] > by_size["learned", 50] > 1
    back = sized.against("learned").set_index(["method", "n_train"])["ratio"]
    for n in (20, 50):
        assert back["mmse", n] == pytest.approx(1 / by_size["learned", n])
    assert "learned, 20 pairs (15)" in [one.get_text() for one in sized.plot().get_yticklabels()]
    plt.close("all")


@pytest.mark.parametrize(
    ("methods", "arguments", "words"),
    [
        ([SPARSE.Ista], {}, r"ista cannot be built: .*'rho'; .* Candidate\(Ista, setting=value\)"),
        ([], {}, "methods is empty"),
        ([LINEAR.LinearMMSE, LINEAR.LinearMMSE], {}, "two methods are called 'linear_mmse'"),
        ([3], {}, "int is 3: allowed are a class that derives from Method"),
        ({"own": lambda x: x}, {}, r"own makes .* \(2, 4\) from .* \(2, 4\): .* shape \(2, 3\)"),
        ([LINEAR.LinearMMSE], {"metrics": ["mse"]}, "metrics: no 'mse'; .*squared_error"),
        ([LINEAR.LinearMMSE], {"metrics": "mse"}, "metrics is a text, 'mse': it should be a list"),
        ([LINEAR.LinearMMSE], {"bounds": ["none"]}, "bounds: no 'none'; allowed: "),
        ([LINEAR.LinearMMSE], {"n_train": []}, r"n_train is \[\]: it should be a whole number"),
        ([LINEAR.LinearMMSE], {"n_train": [10, 0]}, "n_train is 0: it should be a whole number"),
        ([LINEAR.LinearMMSE], {"n_train": "10"}, "n_train is '10': it should be a whole number"),
        ([LINEAR.LinearMMSE], {"seeds": 0}, "seeds is 0: it should be a whole number"),
        ([LINEAR.LinearMMSE], {"n_test": 1.5}, "n_test is 1.5: it should be a whole number"),
    ],
)
def test_a_wrong_argument_is_named(methods, arguments, words):
    with pytest.raises(ValueError, match=words):
        mbdl.compare(methods, TRUTH, **arguments)


def test_only_a_class_is_a_candidate():
    with pytest.raises(ValueError, match="method is 'lista': it should be a class"):
        mbdl.Candidate("lista")


def test_it_tells_how_far_it_is():
    told = []
    mbdl.compare(
        [LINEAR.LinearMMSE], TRUTH, n_test=10, seeds=2, report=lambda *one: told.append(one)
    )
    assert told == [
        (0.0, "linear_mmse, seed 1 of 2"),
        (0.5, "linear_mmse, seed 2 of 2"),
        (1.0, "done"),
    ]


def test_the_plot_shows_means_and_bounds_in_the_colours_of_families(found):
    axes = found.plot()
    shown = {text.get_text(): i for i, text in enumerate(axes.get_yticklabels())}
    assert list(shown) == ["mmse (0)", "learned (15)", "own (0)", "fitted (0)"]
    means = [float(bars.lines[0].get_xdata()[0]) for bars in axes.containers]
    expected = found.table.query("metric == 'squared_error' and family != 'bound'")["mean"]
    np.testing.assert_allclose(means, expected)
    colours = [bars.lines[0].get_color() for bars in axes.containers]
    families = [mbdl.Family.MODEL_BASED, mbdl.Family.DISCRIMINATIVE_LEARNING]
    assert colours[:2] == [COLOURS[family] for family in families]
    (line,) = (line for line in axes.lines if line.get_label() == "minimum_mean_squared_error")
    assert line.get_xdata()[0] == pytest.approx(
        found.table.query("family == 'bound' and metric == 'squared_error'")["mean"].item()
    )
    plt.close("all")
    with pytest.raises(ValueError, match="no 'mse' was compared"):
        found.plot("mse")


def test_a_lopsided_interval_is_shown_with_both_ends():
    """No interval of an error, on a logarithmic scale, reaches below 0: none is shown that does."""
    rows = [{"method": "a", "metric": "e", "n_parameters": 0, "mean": 1.0}]
    lopsided, even = (
        Compared(
            pd.DataFrame([rows[0] | {"ci_low": 0.2, "ci_high": high}]), None, {}, {"e": "ratio"}
        )
        for high in (5.0, 1.8)
    )
    assert "1.0 [0.2, 5.0]" in repr(lopsided)
    assert "1.00 ± 0.80" in repr(even)
