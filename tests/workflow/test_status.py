"""Status, plan, prune, and the plan of a run, called as functions on the tiny project."""

from __future__ import annotations

import os
import random
import shutil
import signal
from collections import Counter
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from commands import mbdl
from project import Project

from mbdl_repro.experiments.reading import load_scale
from mbdl_repro.pipeline import job, run
from mbdl_repro.pipeline.plan import TARGETS, Plan
from mbdl_repro.pipeline.status import _first


@pytest.fixture(autouse=True)
def _inside(copy: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(copy.folder)
    monkeypatch.delenv("MBDL_RUN_PID", raising=False)
    ours = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in ours.items():
        signal.signal(number, handler)


def test_status_of_what_was_made(capsys: pytest.CaptureFixture[str]) -> None:
    assert mbdl("status") == "19 fresh\n"
    said = mbdl("status", "linear", "-v")
    assert "fresh   tabulate linear" in said
    assert "fresh   summarize linear" in said
    assert "results/rows/linear.groups.npz" in said
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


def test_of_many_reasons_few_are_told() -> None:
    reasons = [f"{name} changed" for name in "abcde"]
    assert _first(reasons) == "a changed; b changed; c changed; and 2 more"
    assert _first(reasons[:4]) == "; ".join(reasons[:4])  # "and 1 more" would be no shorter


def test_a_method_more_is_planned_with_unknown_time(
    copy: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    line = "  ista: {iterations: 5, rho: 0.1}\n"
    copy.edit(copy.experiment("sparse"), line, line + "  fista: {iterations: 5, rho: 0.1}\n")
    said = mbdl("plan", "sparse", "--cores", "2")
    assert "?  evaluate sparse fista: missing" in said
    assert "1 whose time is not known yet" in said


def test_prune(copy: Project) -> None:
    copy.edit(copy.experiment("sparse"), "rho: 0.1, recipe", "rho: 0.2, recipe")
    (copy.folder / "results/tables/.x.csv.123.tmp").write_text("half")
    (copy.folder / "results/tables/x.csv.damaged").write_text("harmed")
    (copy.folder / "figures/x.png.damaged").mkdir()
    lock = copy.folder / ".snakemake/mbdl.lock"
    lock.unlink()
    assert "would remove 11 files" in mbdl("prune", "--dry-run")
    assert not lock.exists()
    assert "removed 11 files" in mbdl("prune")
    assert "removed 0 files" in mbdl("prune")


def test_plan_of_everything_again(copy: Project) -> None:
    said = mbdl("plan", "--forceall")
    assert "tabulate linear: it is asked for" in said
    assert "19 jobs, about" in said


def harm(copy: Project, rng: random.Random) -> None:
    """Delete, damage or touch some of what was made, or what it was made from."""
    files = [path for path in sorted(copy.folder.glob("results/**/*.*")) if path.is_file()]
    files = [path for path in files if path.parent.name != "methods"]  # which are most of them
    files += sorted(copy.folder.glob("figures/*"))
    for path in rng.sample(files, rng.randint(1, 12)):
        kind = rng.choice(["delete", "delete", "damage", "touch"])
        if kind == "delete":
            path.unlink()
        elif kind == "damage":
            path.write_bytes(path.read_bytes()[:-3])
        else:
            os.utime(path, (rng.randint(0, 10**9),) * 2)


WORDS: tuple[list[str], ...] = (
    [],
    ["tables"],
    ["figures/linear.png", "verdicts"],
    ["-R", "train"],
    ["--forceall", "figures/sparse.png"],
    ["-f", "results/tables/linear.csv"],
    ["models", "-R", "results/data/sparse.json"],
    ["scores", "data"],
)


@pytest.mark.parametrize("seed", range(8))
def test_a_dry_run_says_what_the_plan_says_in_any_state(copy: Project, seed: int) -> None:
    rng = random.Random(seed)
    harm(copy, rng)
    targets = {"models": 1, "scores": 1, "data": 1, "tables": 1, "verdicts": 1}
    shown = {task for task in copy.jobs(*WORDS[seed]).items() if task[0] not in targets}
    plan = Plan(load_scale("full"))
    run_ = run.Run(plan, SimpleNamespace(is_main_process=False, dag_settings=settings(WORDS[seed])))
    assert shown == set(Counter(task.verb for task in run_.status.to_run).items())
    if not WORDS[seed]:
        assert dict(shown) == copy.planned()


def settings(words: list[str]) -> SimpleNamespace:
    """Return what Snakemake's settings are after these words."""
    forced = [words[words.index("-R") + 1]] if "-R" in words else []
    targets = {word for word in words if not word.startswith("-")} - set(forced)
    return SimpleNamespace(
        targets=targets,
        forcerun=forced,
        forceall="--forceall" in words,
        forcetargets="-f" in words,
    )


def test_what_a_run_leaves_needs_no_other(copy: Project, made: Project) -> None:
    """Whatever was lost or harmed, one run puts it right."""
    rng = random.Random(1)
    while not copy.planned():  # not logs alone, say
        harm(copy, rng)
    status, said = copy.inside()
    assert status == 0, said
    assert copy.planned() == copy.jobs() == {}
    assert copy.contents() == made.contents()
    assert "report    results/report/index.html" in said


def test_few_jobs_are_plain_processes(copy: Project, made: Project) -> None:
    """They give the same bytes as those that a server's copies do."""
    (copy.folder / "results/scores/sparse/lista.csv").unlink()
    status, said = copy.inside("results/scores/sparse/lista.csv")
    assert status == 0, said
    name = "results/scores/sparse/lista.csv"
    assert (copy.folder / name).read_bytes() == (made.folder / name).read_bytes()


def test_a_run_tells_that_another_is_at_work(copy: Project) -> None:
    (copy.folder / "results/verdicts.csv").unlink()
    with run.take_lock():
        status, said = copy.inside()
        assert status == 1
        assert "another run is at work in this folder (process" in said
        assert copy.inside("--dry-run")[0] == 0
    assert copy.inside()[0] == 0


def test_a_failed_run_says_what_to_do(copy: Project) -> None:
    (copy.folder / "results/verdicts.csv").unlink()
    name = "mbdl_repro/pipeline/stages/gather.py"
    copy.edit(
        copy.folder / name, "    tables = [", "    raise UserError('the moon is full')\n    t = ["
    )
    copy.edit(
        copy.folder / name,
        "import pandas",
        "from mbdl_repro.errors import UserError\nimport pandas",
    )
    status, said = copy.inside()
    assert status == 1
    assert "Run the same command again: what is finished is kept" in said
    assert "failed: gather" in said
    assert "Error" not in said


def test_a_folder_that_cannot_be_made_is_told_before_any_job(copy: Project) -> None:
    (copy.folder / "results/verdicts.csv").unlink()
    shutil.rmtree(copy.folder / "results/logs/gather")
    (copy.folder / "results/logs/gather").write_text("in the way")
    status, said = copy.inside()
    assert status == 1
    assert "cannot write results/logs/gather" in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--config", "scael=smoke"], "unknown setting; did you mean scale"),
        (["--config", "device=tpu"], "device=tpu"),
        (["--config", "experiments=nonesuch"], "no experiment 'nonesuch'"),
        (["./figures/nonesuch.png"], "no run makes 'figures/nonesuch.png'"),
        (["results/scores/sparse/nonesuch.csv"], "no method 'nonesuch'; allowed: ista, lista"),
        (["gather", "--config", "experiments=linear"], "gather gathers all experiments"),
        (["verdicts", "--config", "experiments=linear"], "verdicts gathers all experiments"),
        (["--directory", "/"], "run it in "),
    ],
)
def test_a_mistaken_request_stops(copy: Project, words: list[str], message: str) -> None:
    status, said = copy.inside("--dry-run", *words)
    assert status == 1
    assert message in said
    assert "Traceback" not in said


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
    for target in ("verdicts", "comparisons"):  # which read all experiments
        assert not made.pop(target)
    for paths in made.values():
        assert paths
        assert all(path.is_file() for path in paths)
    assert set(plan.targets) < set(plan.tasks)
