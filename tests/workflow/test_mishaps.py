"""Killed runs, damaged files, two runs at once, full disks: nothing lost, nothing made up."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from project import Project


def processes_in(folder: Path) -> list[int]:
    """Return the processes that work in a folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if (entry / "cwd").readlink() == folder:
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


def wait_until(condition: object, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Project]:
    project = Project((tmp_path / "project").resolve())
    yield project
    for process in processes_in(project.folder):
        os.kill(process, signal.SIGKILL)


@pytest.mark.skipif(not Path("/proc/self/cwd").exists(), reason="needs /proc")
def test_a_killed_run_leaves_no_orphans_and_ends_in_the_same_bytes(
    fresh: Project, made: Project
) -> None:
    """On two cores, killed without a word at three moments; then the same command once more."""
    for pattern in ("results/cache/data/*", "results/cache/models/*", "results/tables/*.csv"):
        run = fresh.start()
        wait_until(lambda pattern=pattern: list(fresh.folder.glob(pattern)))
        os.kill(run.pid, signal.SIGKILL)
        run.wait()
        wait_until(lambda: not processes_in(fresh.folder), 5)
        left = {p: p.stat().st_mtime_ns for p in fresh.folder.rglob("results/**/*") if p.is_file()}
        time.sleep(0.5)
        assert left == {p: p.stat().st_mtime_ns for p in left}
    done = fresh.snakemake()
    assert done.returncode == 0, done.stderr
    assert fresh.contents() == made.contents()  # which was made on one core, in one go
    assert fresh.jobs() == {}


def test_a_killed_job_loses_its_fit_only(fresh: Project, made: Project) -> None:
    fresh.edit(fresh.experiment("sparse"), "n_train: [16, 32]", "n_train: [16, 32, 48, 64]")
    assert fresh.snakemake("data").returncode == 0
    fresh.edit(fresh.experiment("sparse"), "steps: 20", "steps: 1500")
    run = fresh.start("--config", "experiments=sparse")

    def training() -> list[int]:
        found = []
        for process in processes_in(fresh.folder):
            try:
                words = Path(f"/proc/{process}/cmdline").read_bytes()
            except OSError:
                continue
            if b"train" in words.split(b"\0"):
                found.append(process)
        return found

    def fits() -> set[Path]:
        return set(fresh.folder.glob("results/cache/models/*-*"))

    wait_until(lambda: fits() and training())
    os.kill(training()[0], signal.SIGKILL)
    run.communicate()
    assert run.returncode != 0
    kept = {path: path.stat().st_mtime_ns for path in fits()}
    assert kept
    again = fresh.snakemake("--config", "experiments=sparse")
    assert again.returncode == 0, again.stderr
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert len(fits()) == 4 * 2


def flip_a_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


@pytest.mark.parametrize("harm", [flip_a_byte, truncate])
def test_damaged_artifacts_are_made_anew(copy: Project, made: Project, harm: object) -> None:
    patterns = (
        "results/tables/linear.csv",
        "results/scores/sparse/ista.csv",
        "results/verdicts.csv",
        "results/models/sparse/lista.1of1.json",
        "figures/sparse.png",
    )
    for pattern in patterns:
        harm(copy.folder / pattern)  # type: ignore[operator]
    status = copy.run("mbdl_repro.cli", "status")
    assert status.stdout.count("damaged") >= len(patterns), status.stdout + status.stderr
    done = copy.snakemake()
    assert done.returncode == 0, done.stderr
    for pattern in patterns:
        assert f"{pattern} was damaged" in done.stderr
    assert copy.contents() == made.contents()


def test_damaged_entries_are_found_when_they_are_needed(copy: Project, made: Project) -> None:
    for entry in copy.folder.glob("results/cache/*/*-*"):
        flip_a_byte(entry)
    (copy.folder / "results/scores/sparse/lista.csv").unlink()
    status = copy.run("mbdl_repro.cli", "status")
    assert "of its cache entries are gone or altered" in status.stdout
    done = copy.snakemake()
    assert done.returncode == 0, done.stderr
    assert copy.contents() == made.contents()


def test_a_damaged_table_is_refused_by_name(copy: Project) -> None:
    table = copy.folder / "results/tables/linear.csv"
    table.write_text(table.read_text().replace("linear_mmse", "linear_mms3"))
    for words in (
        ["mbdl_repro.cli", "table", "linear"],
        ["mbdl_repro.pipeline", "draw", "--experiment", "linear"],
    ):
        result = copy.run(*words)
        assert result.returncode != 0
        assert "results/tables/linear.csv is damaged" in result.stderr
        assert "Traceback" not in result.stderr


def test_a_second_run_in_the_folder_says_so(fresh: Project) -> None:
    run = fresh.start()
    wait_until(lambda: list(fresh.folder.glob("results/data/*.json")))
    second = fresh.snakemake()
    assert second.returncode != 0
    assert "another run is at work in this folder" in second.stderr
    assert fresh.run("snakemake", "--cores", "1", "--dry-run").returncode == 0
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()


def test_a_full_disk_is_one_clear_message(copy: Project) -> None:
    """A limit on the size of files stands for the disk: both end a write with an error."""
    kept = copy.contents()
    copy.edit(copy.experiment("sparse"), "test: 10", "test: 2000")
    data = [*copy.command("mbdl_repro.pipeline", "simulate"), "--experiment", "sparse"]
    limit = 60_000
    result = subprocess.run(
        data,
        cwd=copy.folder,
        env=copy.environment,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )
    assert result.returncode == 1
    assert "cannot write results/cache/data/" in result.stderr
    assert "Nothing half-written was kept" in result.stderr
    assert "Traceback" not in result.stderr
    assert not list(copy.folder.rglob("*.tmp"))
    assert copy.contents() == kept


def test_a_folder_that_cannot_be_written_to_is_one_clear_message(fresh: Project) -> None:
    (fresh.folder / "results").write_text("in the way")
    result = fresh.run("mbdl_repro.pipeline", "simulate", "--experiment", "linear")
    assert result.returncode == 1
    assert result.stderr.count("cannot write") == 1
    assert "Traceback" not in result.stderr


def keep(made: Project, other: Project) -> None:
    """Give another folder what the repository would keep of a run."""
    for name in ("results/tables", "results/verdicts", "figures"):
        shutil.copytree(made.folder / name, other.folder / name)
    for path in made.folder.glob("results/[vr]e*.*"):
        shutil.copy(path, other.folder / "results")


def test_what_came_with_the_repository_can_be_adopted(made: Project, fresh: Project) -> None:
    keep(made, fresh)
    adopted = fresh.run("mbdl_repro.cli", "adopt")
    assert adopted.returncode == 0, adopted.stderr
    assert fresh.jobs() == fresh.planned() == {}
    fresh.edit(fresh.experiment("sparse"), "title: Tiny, x", "title: Small, x")
    assert fresh.jobs() == fresh.planned() == {"draw": 1, "report": 1}
    done = fresh.snakemake("figures/sparse.png")
    assert done.returncode == 0, done.stderr
    assert not (fresh.folder / "results/data").exists()
    flip_a_byte(fresh.folder / "results/tables/sparse.csv")
    refused = fresh.run("mbdl_repro.cli", "adopt")
    assert refused.returncode == 1
    assert "tabulate sparse is damaged" in refused.stderr


def test_what_was_not_adopted_does_not_count_as_made(made: Project, fresh: Project) -> None:
    keep(made, fresh)
    done = fresh.snakemake("results/tables/linear.csv")
    assert done.returncode == 0, done.stderr
    assert "results were not made in this folder and are made anew" in done.stderr
    table = "results/tables/linear.csv"
    assert (fresh.folder / table).read_bytes() == (made.folder / table).read_bytes()
    assert (fresh.folder / "results/scores/linear/linear_mmse.csv").exists()


def test_a_dry_run_changes_nothing(copy: Project) -> None:
    flip_a_byte(copy.folder / "results/tables/linear.csv")
    before = {p: p.read_bytes() for p in (copy.folder / "results").rglob("*") if p.is_file()}
    assert copy.run("snakemake", "-np", "--cores", "1").returncode == 0
    assert before == {
        p: p.read_bytes() for p in (copy.folder / "results").rglob("*") if p.is_file()
    }


def test_a_narrowed_run_writes_no_page_that_gathers_all(copy: Project) -> None:
    for target in ("report", "results/verdicts.csv"):
        result = copy.snakemake(target, "--config", "experiments=linear")
        assert result.returncode != 0
        assert f"{target} gathers all experiments" in result.stderr


def test_jobs_leave_logs_with_time_and_memory(made: Project) -> None:
    logs = list(made.folder.glob("results/logs/**/*.log"))
    assert len(logs) == 17
    for log in logs:
        assert "CPU time" in log.read_text()
        assert "peak memory" in log.read_text()


def test_the_end_of_a_run_says_where_things_lie(copy: Project) -> None:
    copy.edit(copy.experiment("linear"), "title: Tiny, x", "title: Small, x")
    said = copy.snakemake().stdout
    for words in (
        "figures   figures/",
        "tables    results/tables/",
        "verdicts  results/verdicts",
        "report    results/report.html",
    ):
        assert words in said


def test_what_is_not_needed_any_more_can_be_removed(copy: Project) -> None:
    before = set(copy.folder.glob("results/cache/*/*-*"))
    assert "would remove 0 files" in copy.run("mbdl_repro.cli", "prune", "--dry-run").stdout
    copy.edit(copy.experiment("sparse"), "rho: 0.1, recipe", "rho: 0.2, recipe")
    assert copy.run("mbdl_repro.cli", "prune").returncode == 0
    removed = before - set(copy.folder.glob("results/cache/*/*-*"))
    assert len(removed) == 4 + 4  # the fits of lista, and their scores
