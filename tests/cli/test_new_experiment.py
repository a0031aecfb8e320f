"""An experiment that is begun is a right one, in every area, and runs small as it is."""

from pathlib import Path

import pytest
from commands import mbdl, mistake

from mbdl_repro.catalogue.memory import PACKAGE
from mbdl_repro.cli.new_experiment import FIRST
from mbdl_repro.experiments import reading


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with the experiments that one is begun like."""
    experiments = tmp_path / reading.EXPERIMENTS
    experiments.mkdir(parents=True)
    (tmp_path / reading.SCALES).symlink_to(PACKAGE.parent / reading.SCALES)
    for name in FIRST.values():
        (experiments / f"{name}.yaml").symlink_to(
            PACKAGE.parent / reading.EXPERIMENTS / f"{name}.yaml"
        )
    monkeypatch.chdir(tmp_path)
    return experiments


@pytest.mark.parametrize("area", FIRST)
def test_it_is_a_right_experiment_with_two_methods_a_panel_and_a_claim(folder, area):
    shown = mbdl("new-experiment", "mine", "--area", area)
    said = mbdl("new-experiment", "mine", "--area", area, "--write")
    assert (folder / "mine.yaml").read_text(encoding="utf-8") == shown
    assert "mbdl run mine --scale smoke" in said
    for scale in ("full", "smoke"):
        experiment = reading.load("mine", reading.load_scale(scale))
        classical, learned = experiment.methods.values()
        assert (classical.info.learns, learned.info.learns) == (False, True)
        assert len(experiment.panels) == len(experiment.claims) == 1


def test_what_it_is_like_may_be_chosen(folder):
    shown = mbdl("new-experiment", "mine", "--like", "5.6")
    assert "n_observations: 150" in shown and "method: ista" in shown


def test_it_refuses(folder):
    begin = ("new-experiment", "mine")
    assert "add --area, or --like" in mistake(*begin)
    assert "there is '5.06_LISTA' already" in mistake("new-experiment", "5.06_LISTA")
    assert "cannot name an experiment" in mistake("new-experiment", "a/b", "--area", "doa")
    words = mistake(*begin, "--area", "doa", "--like", "5.06")
    assert "5.06_lista is not in doa" in words
    assert not Path("workflow/experiments/mine.yaml").exists()
