"""Status, plan, prune, and the plan of a run, called as functions on the tiny project."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest
from project import Project

from mbdl_repro.errors import UserError
from mbdl_repro.experiments.reading import load_scale
from mbdl_repro.pipeline import job, status
from mbdl_repro.pipeline import plan as planning
from mbdl_repro.pipeline.stages.simulate import simulate


@pytest.fixture(autouse=True)
def _inside(copy: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(copy.folder)
    monkeypatch.setattr(sys, "argv", ["snakemake", "--cores", "1"])
    for name in ("MBDL_DEVICE", "MBDL_RUN_PID"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    yield
    planning._held.clear()


def test_status_of_what_was_made(capsys: pytest.CaptureFixture[str]) -> None:
    status.show_status("full", None, False)
    assert capsys.readouterr().out == "17 fresh\n"
    status.show_status("full", "linear", True)
    said = capsys.readouterr().out
    assert "fresh   tabulate linear" in said
    assert "results/tables/linear.seeds.csv" in said
    status.show_plan("full", None, 2)
    assert capsys.readouterr().out == "nothing to do: everything is fresh\n"


def test_status_says_why(copy: Project, capsys: pytest.CaptureFixture[str]) -> None:
    copy.edit(copy.experiment("linear"), "noise_std: [0.3, 1.0]", "noise_std: [0.3, 0.5]")
    copy.edit(copy.experiment("linear"), "at: {noise_std: 1.0}", "at: {noise_std: 0.5}")
    (copy.folder / "results/scores/sparse/ista.csv").unlink()
    (copy.folder / "figures/sparse.png").write_bytes(b"not a picture")
    status.show_status("full", None, False)
    said = capsys.readouterr().out
    assert "stale   simulate linear" in said
    assert "runs[1][0].noise_std changed from 1.0 to 0.5" in said
    assert "damaged draw sparse: sparse.png: it is not as it was made" in said
    assert "1 missing, but not needed by what is fresh" in said
    status.show_plan("full", None, 1)
    said = capsys.readouterr().out
    assert "jobs, about" in said
    assert "on 1 core\n" in said
    assert "train linear discriminative" in said


def test_a_method_more_is_planned_with_unknown_time(
    copy: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    line = "  ista: {iterations: 5, rho: 0.1}\n"
    copy.edit(copy.experiment("sparse"), line, line + "  fista: {iterations: 5, rho: 0.1}\n")
    status.show_plan("full", "sparse", 2)
    said = capsys.readouterr().out
    assert "?  evaluate sparse fista: missing" in said
    assert "1 whose time is not known yet" in said


def test_adopt_and_prune(copy: Project, capsys: pytest.CaptureFixture[str]) -> None:
    status.adopt("full")
    assert "adopted" in capsys.readouterr().out
    copy.edit(copy.experiment("sparse"), "rho: 0.1, recipe", "rho: 0.2, recipe")
    with pytest.raises(UserError, match=r"lista is stale: method\.settings\.rho changed"):
        status.adopt("full")
    status.prune("full", dry_run=True)
    assert "would remove 8 files" in capsys.readouterr().out
    status.prune("full", dry_run=False)
    status.prune("full", dry_run=False)
    assert "removed 0 files" in capsys.readouterr().out


def test_a_run_takes_the_lock_and_mends(
    copy: Project, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    table = copy.folder / "results/tables/linear.csv"
    table.write_bytes(table.read_bytes()[:-9])
    plan = planning.for_snakemake({}, True)
    assert not table.exists()
    assert "results/tables/linear.csv was damaged" in capsys.readouterr().err
    plan.start()
    assert "experiments: linear, sparse" in capsys.readouterr().out
    assert "report    results/report.html" in plan.farewell()
    assert "Run the same command again" in plan.mishap()
    with pytest.raises(SystemExit, match="another run is at work in this folder"):
        planning.for_snakemake({}, True)
    monkeypatch.setattr(sys, "argv", ["snakemake", "-n"])
    planning.for_snakemake({"experiments": ["linear"]}, True)


def test_a_folder_without_notes_has_made_nothing(
    copy: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    for note in (copy.folder / ".snakemake/metadata").iterdir():
        note.unlink()
    planning.for_snakemake({}, True)
    assert "results were not made in this folder" in capsys.readouterr().err
    assert not (copy.folder / "results/verdicts.csv").exists()
    assert list((copy.folder / "results/cells/models").iterdir())  # what was computed is kept


@pytest.mark.parametrize(
    ("config", "words", "message"),
    [
        ({"scael": "smoke"}, [], "unknown setting; did you mean scale"),
        ({"device": "tpu"}, [], "device=tpu"),
        ({"experiments": "nonesuch"}, [], "no experiment 'nonesuch'"),
        ({}, ["./figures/nonesuch.png"], "no run makes 'figures/nonesuch.png'"),
        ({"experiments": "linear"}, ["report"], "report gathers all experiments"),
    ],
)
def test_a_mistaken_request_stops(
    config: dict[str, str], words: list[str], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["snakemake", "-n", *words])
    with pytest.raises(SystemExit, match=message):
        planning.for_snakemake(config, True)


def test_a_job_from_the_command_line(
    copy: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--experiment", "linear", "--log", "results/logs/mine.log"]
    monkeypatch.setattr(sys, "argv", ["simulate", *words])
    job.run("simulate", simulate)
    assert "done: CPU time" in (copy.folder / "results/logs/mine.log").read_text()
    monkeypatch.setattr(sys, "argv", ["train", *words, "--method", "nonesuch"])
    with pytest.raises(SystemExit, match="no method 'nonesuch'"):
        job.run("train", simulate)
    monkeypatch.setattr(sys, "argv", ["simulate"])
    with pytest.raises(SystemExit, match="--experiment is missing"):
        job.run("simulate", simulate)

    def broken(work: job.Job) -> None:
        work.say("about to fail")
        raise ZeroDivisionError

    monkeypatch.setattr(sys, "argv", ["simulate", *words])
    with pytest.raises(SystemExit, match="an error in the program"):
        job.run("simulate", broken)
    log = (copy.folder / "results/logs/mine.log").read_text()
    assert "about to fail" in log
    assert "ZeroDivisionError" in log


def test_the_plan_knows_its_files(copy: Project) -> None:
    plan = planning.Plan(load_scale("full"), "sparse")
    for path in (*plan.data(), *plan.models(), *plan.scores(), *plan.tables(), *plan.figures()):
        assert path.is_file()
    assert set(plan.everything()) < set(plan.checked_files)
