"""What was fitted for one size of a problem and is tested at another: an answer, or a reason."""

import contextlib

import pandas as pd
import pytest
from jobs import job
from pipeline.running import project

from mbdl_repro.errors import UserError
from mbdl_repro.experiments import reading as experiment_file
from mbdl_repro.pipeline.stages.evaluate import evaluate
from mbdl_repro.pipeline.stages.simulate import simulate
from mbdl_repro.pipeline.stages.train import train
from mbdl_repro.store.paths import Store

TEXT = """\
book: {example: null, section: "5.3", title: Agents, says: It depends.}
area: distributed
scenario: {n_agents: 4, rows_per_agent: 3, n_signal: 10, n_nonzeros: 2}
sweep: {n_train: [20]}
test_sweep: {n_agents: [4, 6]}
samples: {validation: 10, test: 30}
seeds: 2
methods:
  shared: {method: unfolded_d_admm, genie_aided: true, recipe: &recipe {steps: 2, batch_size: 5}}
  per_agent: {method: unfolded_d_admm, per_agent: true, genie_aided: true, recipe: *recipe}
  not_told: {method: unfolded_d_admm, recipe: *recipe}
metrics: [nmse_db]
figure:
  caption: Error.
  panels: [{kind: dots, title: E, y: nmse_db, methods: [shared], shades: test_n_agents}]
"""


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """The folder, the scale and the experiment, its methods fitted."""
    folder = project(tmp_path_factory.mktemp("elsewhere") / "p", agents=TEXT)
    with contextlib.chdir(folder):
        scale = experiment_file.load_scale("full")
        experiment = experiment_file.load_all(scale)["agents"]
        simulate(job("simulate", experiment, scale))
        for label in experiment.methods:
            train(job("train", experiment, scale, label))
    return folder, scale, experiment


def test_what_any_number_of_agents_can_use_is_scored_at_each(fitted, monkeypatch):
    folder, scale, experiment = fitted
    monkeypatch.chdir(folder)
    evaluate(job("evaluate", experiment, scale, "shared"))
    rows = pd.read_csv(Store.of(scale).scores("agents", "shared"))
    assert sorted(rows.test_n_agents) == [4, 4, 6, 6]
    assert rows.n_parameters.unique() == [40]


@pytest.mark.parametrize(
    ("label", "says"),
    [
        ("per_agent", r"log_scale was fitted as \(10, 4, 4\), and is \(10, 6, 4\) here"),
        ("not_told", r"\(30, 6, 3\): should be \(n, 4, 3\), 3 of each of 4 agents"),
    ],
)
def test_what_cannot_serve_there_is_named_with_what_to_do(fitted, monkeypatch, label, says):
    folder, scale, experiment = fitted
    monkeypatch.chdir(folder)
    with pytest.raises(UserError, match=f"{label}: .*{says}: leave it out of a test at n_agents"):
        evaluate(job("evaluate", experiment, scale, label))
