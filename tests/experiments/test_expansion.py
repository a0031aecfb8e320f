"""An experiment is expanded into points, blocks of seeds, fits and what is scored where."""

import dataclasses
from typing import Annotated

import pytest
from annotated_types import Ge
from experiments.texts import BASE, deep, edited, load

from mbdl_repro import catalogue
from mbdl_repro.catalogue import Setting
from mbdl_repro.errors import UserError
from mbdl_repro.experiments import specs


def test_a_sweep_is_the_product_of_its_lists(tmp_path):
    experiment = load(tmp_path, BASE)
    assert experiment.runs == [
        ({"noise_std": 0.1}, 10),
        ({"noise_std": 0.1}, 20),
        ({"noise_std": 0.2}, 10),
        ({"noise_std": 0.2}, 20),
    ]
    assert experiment.sweep_columns == ["noise_std"]
    assert [str(fit) for fit in experiment.fits("ista")] == [
        "noise_std=0.1 seeds 0-2",
        "noise_std=0.1 seeds 3-5",
        "noise_std=0.2 seeds 0-2",
        "noise_std=0.2 seeds 3-5",
    ]
    assert len(experiment.fits("lista")) == 8


BLOCKS = """\
sweep:
  - noise_std: [0.1, 0.2]
    n_train: [10]
  - n_nonzeros: [1, 2]
    noise_std: [0.2]
    n_train: [10, 30]
"""


def test_blocks_of_a_sweep_fill_in_the_scenario_and_share_runs(tmp_path):
    text = edited("sweep:\n  noise_std: [0.1, 0.2]\n  n_train: [10, 20]\n", BLOCKS)
    text = edited("where: {n_train: 10}", "where: {n_train: 10, n_nonzeros: 2}", text)
    text = text[: text.index("claims:")]
    experiment = load(tmp_path, text)
    assert experiment.sweep_columns == ["noise_std", "n_nonzeros"]
    assert experiment.runs == [
        ({"noise_std": 0.1, "n_nonzeros": 2}, 10),  # n_nonzeros as the scenario has it
        ({"noise_std": 0.2, "n_nonzeros": 2}, 10),
        ({"noise_std": 0.2, "n_nonzeros": 1}, 10),
        ({"noise_std": 0.2, "n_nonzeros": 1}, 30),
        ({"noise_std": 0.2, "n_nonzeros": 2}, 30),  # and its run with 10 stands above already
    ]
    assert experiment.largest_n_train({"noise_std": 0.2, "n_nonzeros": 2}) == 30
    assert experiment.largest_n_train({"noise_std": 0.1, "n_nonzeros": 2}) == 10


@pytest.mark.parametrize(
    ("seeds", "block", "blocks"),
    [
        (6, 3, [(0, 1, 2), (3, 4, 5)]),
        (4, 4, [(0, 1, 2, 3)]),
        (3, 1, [(0,), (1,), (2,)]),
    ],
)
def test_seeds_are_taken_in_blocks(tmp_path, seeds, block, blocks):
    text = edited("seeds: 6\nblock: 3", f"seeds: {seeds}\nblock: {block}")
    assert load(tmp_path, text).blocks == blocks


@pytest.mark.parametrize(
    ("seeds", "block", "allowed"), [(7, 3, "6, 9"), (2, 3, "3, 6"), (8, 3, "6, 9"), (4, 9, "9, 18")]
)
def test_seeds_are_a_whole_number_of_blocks(tmp_path, seeds, block, allowed):
    text = edited("seeds: 6\nblock: 3", f"seeds: {seeds}\nblock: {block}")
    with pytest.raises(UserError) as caught:
        load(tmp_path, text)
    path = tmp_path / "1.01_example.yaml"
    words = f"{seeds} is not a whole number of blocks of {block}: allowed are {allowed}"
    assert str(caught.value) == f"{path}:20: seeds: {words}"
    for right in map(int, allowed.split(", ")):
        load(tmp_path, edited("seeds: 6\nblock: 3", f"seeds: {right}\nblock: {block}"))


def test_a_test_sweep_multiplies_the_points_that_are_tested(tmp_path):
    text = edited("seeds: 6", "seeds: 6\ntest_sweep: {noise_std: [0.1, 1], n_nonzeros: [1, 2]}")
    shown = "where: {n_train: 10, test_noise_std: 1, test_n_nonzeros: 2}"
    text = edited("where: {n_train: 10}", shown, text)
    experiment = load(tmp_path, text[: text.index("claims:")])
    assert experiment.test_columns == ["test_noise_std", "test_n_nonzeros"]
    assert len(experiment.test_points) == 4
    assert experiment.scenario_at({"noise_std": 0.2}, experiment.test_points[-1]).noise_std == 1.0
    assert len(experiment.fits("lista")) == 8  # testing elsewhere trains nothing


def test_a_test_sweep_of_several_blocks_leaves_the_point_along_one_axis_at_a_time(tmp_path):
    blocks = "test_sweep:\n  - {noise_std: [0.1, 0.3]}\n  - {n_nonzeros: [1, 2]}"
    text = edited("seeds: 6", f"seeds: 6\n{blocks}")
    text = edited(
        "where: {n_train: 10}",
        "where: {n_train: 10, test_noise_std: 0.3, test_n_nonzeros: 2}",
        text,
    )
    experiment = load(tmp_path, text[: text.index("claims:")])
    assert experiment.test_points == [
        {"noise_std": 0.1, "n_nonzeros": 2},
        {"noise_std": 0.3, "n_nonzeros": 2},
        {"noise_std": 0.3, "n_nonzeros": 1},
    ]


def test_a_method_may_have_a_fit_for_each_of_several_numbers_of_iterations(tmp_path):
    text = deep("{method: ista, depths: [4, 1], tune: {rho: [0.5, 0.25]}}")
    experiment = load(tmp_path, text)
    fits = experiment.fits("ista_strong")
    assert [fit.depth for fit in fits[:2]] == [1, 4]
    assert len(fits) == 2 * len(experiment.fits("ista"))
    assert "iterations=4" in str(fits[1])
    assert [experiment.recorded("ista_strong", fit) for fit in fits[:2]] == [[1], [4]]
    assert experiment.recorded("ista_strong") == [1, 4]
    # The same settings make the same fit, whichever way they are written.
    alone = load(tmp_path, deep("{method: ista, iterations: 4, tune: {rho: [0.5, 0.25]}}"))
    assert specs.fit_spec(experiment, "ista_strong", fits[1]) == specs.fit_spec(
        alone, "ista_strong", alone.fits("ista_strong")[0]
    )


def test_a_claim_may_speak_of_a_depth_and_of_no_other_iteration(tmp_path):
    text = deep("{method: ista, depths: [1, 4], rho: 0.5}")
    at = "left: {method: lista, iteration: 2}"
    text = edited("left: {method: lista}", at, text)
    text = edited("right: {method: ista}", "right: {method: ista_strong, iteration: 4}", text)
    claim = load(tmp_path, text).claims[0]
    assert claim.pairs[0][1].iteration == 4
    text = edited("ista_strong, iteration: 4", "ista_strong, iteration: 2", text)
    with pytest.raises(UserError, match="iteration 2 is not recorded; allowed: 1, 4"):
        load(tmp_path, text)


# --- what counts iterations ---


@pytest.fixture
def layered(monkeypatch):
    """ISTA as if its iterations were called layers, and any number of them allowed by default."""
    infos = catalogue.methods("sparse_recovery")
    settings = {k: v for k, v in infos["ista"].settings.items() if k != "iterations"}
    settings["layers"] = Setting(Annotated[int, Ge(1)] | None, None)
    info = dataclasses.replace(infos["ista"], settings=settings, counted_by="layers")
    monkeypatch.setitem(infos, "ista", info)
    return BASE.replace("    iterations: 9\n", "")


@pytest.mark.parametrize(
    ("layers", "recorded"),
    [
        ("rho: 0.75", [0, 1, 2, 5]),
        ("rho: 0.75\n    layers: null", [0, 1, 2, 5]),
        ("rho: 0.75\n    layers: 2", [0, 1, 2]),
        ("rho: 0.75\n    layers: 1", [0, 1]),
    ],
)
def test_iterations_are_recorded_up_to_the_setting_that_counts_them(
    tmp_path, layered, layers, recorded
):
    experiment = load(tmp_path, edited("rho: 0.75", layers, layered))
    assert experiment.recorded("ista_strong") == recorded
    assert all(
        experiment.recorded("ista_strong", fit) == recorded
        for fit, _ in experiment.scorings("ista_strong")
    )


def test_depths_are_of_the_setting_that_counts_iterations(tmp_path, layered):
    text = edited("rho: 0.75", "rho: 0.75\n    depths: [1, 4]", layered)
    experiment = load(tmp_path, text)
    entry = experiment.methods["ista_strong"]
    assert "layers" not in entry.settings
    fits = experiment.fits("ista_strong")[:2]
    assert [entry.settings_at(fit.depth)["layers"] for fit in fits] == [1, 4]
    with pytest.raises(UserError, match="depths give the iterations, and so does the key 'layers'"):
        load(tmp_path, edited("depths: [1, 4]", "depths: [1, 4]\n    layers: 3", text))


def test_nothing_need_count_iterations(tmp_path, layered, monkeypatch):
    infos = catalogue.methods("sparse_recovery")
    info = dataclasses.replace(infos["ista"], counted_by=None)
    monkeypatch.setitem(infos, "ista", info)
    assert load(tmp_path, layered).recorded("ista") == [0, 1, 2, 5]
    with pytest.raises(UserError, match="'ista' has no setting that counts its iterations"):
        load(tmp_path, edited("rho: 0.75", "rho: 0.75\n    depths: [1, 4]", layered))


# --- genie-aided methods ---


def test_a_genie_tells_of_the_test_point_after_the_fit(tmp_path):
    text = edited("seeds: 6", "seeds: 6\ntest_sweep: {noise_std: [0.1, 1.0]}")
    text = edited("where: {n_train: 10}", "where: {n_train: 10, test_noise_std: 1}", text)
    text = edited("    belief: blind\n", "    belief: blind\n    genie_aided: true\n", text)
    experiment = load(tmp_path, text[: text.index("claims:")])
    assert all(fit.genie_point is None for fit in experiment.fits("lista"))
    assert all(fit.genie_point is None for fit, _ in experiment.scorings("ista"))
    scorings = experiment.scorings("lista")
    assert len(scorings) == 2 * len(experiment.fits("lista"))
    for fit, at in scorings:
        assert fit.genie_point == at
        belief = experiment.belief_at("lista", fit.point, fit.genie_point)
        assert (belief.noise_std, belief.nonzero_std) == (at["noise_std"], None)
        assert experiment.belief_at("lista", fit.point).noise_std == fit.point["noise_std"]
        # It is fitted where it was, whatever it is told of later.
        plain = dataclasses.replace(fit, genie_point=None)
        spec = specs.fit_spec(experiment, "lista", fit)
        assert spec == specs.fit_spec(experiment, "lista", plain)
        aided, unaided = (specs.score_spec(experiment, "lista", f, at) for f in (fit, plain))
        assert aided.pop("genie_aided")["noise_std"] == at["noise_std"]
        assert aided == unaided
        with pytest.raises(UserError, match=r"a fit at noise_std=.* is missing: remove"):
            specs.data_spec(experiment, fit, None)
