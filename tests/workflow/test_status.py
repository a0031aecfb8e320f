"""Status, plan, prune, and the plan of a run, called as functions on the tiny project."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest
from commands import mbdl
from project import Project

from mbdl_repro.errors import UserError
from mbdl_repro.experiments.reading import load_scale
from mbdl_repro.pipeline import job, run, upkeep
from mbdl_repro.pipeline.plan import TARGETS, Plan


@pytest.fixture(autouse=True)
def _inside(copy: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(copy.folder)
    monkeypatch.setattr(sys, "argv", ["snakemake", "--cores", "1"])
    monkeypatch.setenv("MBDL_RUN_PID", "")
    monkeypatch.delenv("MBDL_RUN_PID")
    yield
    run._held.clear()


def test_status_of_what_was_made(capsys: pytest.CaptureFixture[str]) -> None:
    assert mbdl("status") == "17 fresh\n"
    said = mbdl("status", "linear", "-v")
    assert "fresh   tabulate linear" in said
    assert "results/tables/linear.seeds.csv" in said
    assert mbdl("plan", "--cores", "2") == "nothing to do: everything is fresh\n"


def test_status_says_why(copy: Project, capsys: pytest.CaptureFixture[str]) -> None:
    copy.edit(copy.experiment("linear"), "noise_std: [0.3, 1.0]", "noise_std: [0.3, 0.5]")
    copy.edit(copy.experiment("linear"), "at: {noise_std: 1.0}", "at: {noise_std: 0.5}")
    (copy.folder / "results/scores/sparse/ista.csv").unlink()
    (copy.folder / "figures/sparse.png").write_bytes(b"not a picture")
    said = mbdl("status")
    assert "stale   simulate linear" in said
    assert "runs[1][0].noise_std changed from 1.0 to 0.5" in said
    assert "damaged draw sparse: sparse.png: it is not as it was made" in said
    assert "1 missing, but not needed by what is fresh" in said
    said = mbdl("plan")
    assert "jobs, about" in said
    assert "on 1 core\n" in said
    assert "train linear discriminative" in said


def test_a_method_more_is_planned_with_unknown_time(
    copy: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    line = "  ista: {iterations: 5, rho: 0.1}\n"
    copy.edit(copy.experiment("sparse"), line, line + "  fista: {iterations: 5, rho: 0.1}\n")
    said = mbdl("plan", "sparse", "--cores", "2")
    assert "?  evaluate sparse fista: missing" in said
    assert "1 whose time is not known yet" in said


def test_adopt_and_prune(copy: Project) -> None:
    assert "adopted" in mbdl("adopt")
    copy.edit(copy.experiment("sparse"), "rho: 0.1, recipe", "rho: 0.2, recipe")
    with pytest.raises(UserError, match=r"lista is stale: method\.settings\.rho changed"):
        upkeep.adopt("full")
    assert "would remove 8 files" in mbdl("prune", "--dry-run")
    assert "removed 8 files" in mbdl("prune")
    assert "removed 0 files" in mbdl("prune")


def test_a_run_takes_the_lock_and_mends(
    copy: Project, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    table = copy.folder / "results/tables/linear.csv"
    table.write_bytes(table.read_bytes()[:-9])
    plan = run.for_snakemake({}, True)
    assert not table.exists()
    assert "results/tables/linear.csv was damaged" in capsys.readouterr().err
    run.announce(plan)
    assert "experiments: linear, sparse" in capsys.readouterr().out
    assert "report    results/report.html" in run.summary(plan)
    assert "Run the same command again" in run.on_error(plan)
    with pytest.raises(SystemExit, match="another run is at work in this folder"):
        run.for_snakemake({}, True)
    monkeypatch.setattr(sys, "argv", ["snakemake", "-n"])
    run.for_snakemake({"experiments": ["linear"]}, True)


def test_a_folder_without_notes_has_made_nothing(
    copy: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    for note in (copy.folder / ".snakemake/metadata").iterdir():
        note.unlink()
    run.for_snakemake({}, True)
    assert "results were not made in this folder" in capsys.readouterr().err
    assert not (copy.folder / "results/verdicts.csv").exists()
    assert list((copy.folder / "results/cache/models").iterdir())  # what was computed is kept


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
        run.for_snakemake(config, True)


def test_a_job_from_the_command_line(
    copy: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--experiment", "linear", "--log", "results/logs/mine.log"]
    job.run(["simulate", *words])
    assert "done: CPU time" in (copy.folder / "results/logs/mine.log").read_text()
    for mistaken, message in (
        (["train", *words, "--method", "nonesuch"], "no method 'nonesuch'"),
        (["simulate"], "--experiment is missing"),
        (["simulat", *words], "no verb 'simulat'; did you mean simulate"),
    ):
        with pytest.raises(SystemExit, match=message):
            job.run(mistaken)

    def broken(work: job.Job) -> None:
        work.say("about to fail")
        raise ZeroDivisionError

    monkeypatch.setattr(job, "do", broken)
    with pytest.raises(SystemExit, match="an error in the program"):
        job.run(["simulate", *words])
    log = (copy.folder / "results/logs/mine.log").read_text()
    assert "simulate linear: about to fail" in log
    assert "ZeroDivisionError" in log


def test_the_plan_knows_its_files(copy: Project) -> None:
    plan = Plan(load_scale("full"), "sparse")
    made = {target: plan.made_by(*verbs) for target, verbs in TARGETS.items()}
    assert not made.pop("verdicts")  # it gathers all experiments
    for paths in made.values():
        assert paths
        assert all(path.is_file() for path in paths)
    assert set(plan.targets) < set(plan.tasks)
