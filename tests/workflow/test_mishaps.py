"""Killed runs, damaged files, two runs at once, full disks: nothing lost, nothing made up."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from project import Project

needs_proc = pytest.mark.skipif(not Path("/proc/self/cwd").exists(), reason="needs /proc")


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


def words_of(process: int) -> list[str]:
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes().decode().split("\0")
    except OSError:
        return []


def parent_of(process: int) -> int:
    try:
        return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def servers_in(folder: Path) -> list[int]:
    """Return the process that serves a run's jobs; not its copies, which do them."""
    serving = [p for p in processes_in(folder) if "mbdl_repro.pipeline.server" in words_of(p)]
    return [process for process in serving if parent_of(process) not in serving]


def served_in(folder: Path) -> list[int]:
    """Return the copies of that process, each at work on a job."""
    servers = servers_in(folder)
    return [process for process in processes_in(folder) if parent_of(process) in servers]


def wait_until(condition: Callable[[], object], seconds: float = 300) -> None:
    """Wait for an event; the limit only ends a test that would wait for ever."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Project]:
    project = Project((tmp_path / "project").resolve())
    yield project
    for process in processes_in(project.folder):
        os.kill(process, signal.SIGKILL)


def fits_in(project: Project) -> set[Path]:
    return set(project.folder.glob("results/cache/models/*-*"))


def train_for_long(project: Project) -> None:
    """Let one job fit 14 times, and each for long enough to be found at work."""
    sizes = "n_train: [16, 24, 32, 40, 48, 56, 64]"
    project.edit(project.experiment("sparse"), "n_train: [16, 32]", sizes)
    project.edit(project.experiment("sparse"), "steps: 20", "steps: 3000")


@needs_proc
def test_a_killed_run_leaves_no_orphans_and_ends_in_the_same_bytes(
    fresh: Project, made: Project
) -> None:
    """On two cores, killed without a word at three moments; then the same command once more."""
    for pattern in ("results/cache/data/*", "results/cache/models/*", "results/tables/*.csv"):
        run = fresh.start()
        wait_until(lambda pattern=pattern: list(fresh.folder.glob(pattern)))
        os.kill(run.pid, signal.SIGKILL)
        run.wait()
        wait_until(lambda: not processes_in(fresh.folder))
    done = fresh.snakemake()
    assert done.returncode == 0, done.stderr
    assert fresh.contents() == made.contents()  # which was made on one core, in one go
    assert fresh.jobs() == {}
    assert not list(fresh.folder.rglob("*.tmp"))


STOPPED = "stopped ({}); run the same command again: what is finished is kept"
KILLED = "the process that did this job was killed: out of memory?"
ENDINGS: dict[str, tuple[Callable[[Project, int], None], int, str]] = {
    "Ctrl-C": (lambda _, run: os.killpg(run, signal.SIGINT), 130, STOPPED.format("SIGINT")),
    "SIGTERM": (lambda _, run: os.kill(run, signal.SIGTERM), 143, STOPPED.format("SIGTERM")),
    "job killed": (lambda project, _: kill(*served_in(project.folder)), 1, KILLED),
    "server killed": (lambda project, _: kill(*servers_in(project.folder)), 1, KILLED),
}


def kill(*processes: int) -> None:
    for process in processes:
        os.kill(process, signal.SIGKILL)


@needs_proc
def test_whatever_ends_a_run_is_told_in_a_line_and_what_is_finished_is_kept(
    fresh: Project,
) -> None:
    train_for_long(fresh)
    for name, (end, status, words) in ENDINGS.items():
        kept = {path: path.stat().st_mtime_ns for path in fits_in(fresh)}
        run = fresh.start("--config", "experiments=sparse")  # many jobs, so that they are served

        def at_work(run: subprocess.Popen[str] = run, n_kept: int = len(kept)) -> bool:
            done = run.poll() is not None
            return done or (len(fits_in(fresh)) > n_kept and bool(served_in(fresh.folder)))

        wait_until(at_work)
        assert run.poll() is None, (name, run.communicate()[0])
        end(fresh, run.pid)
        said = run.communicate()[0]
        assert run.returncode == status, (name, said)
        assert words in said
        assert "Traceback" not in said
        if status == 1:
            assert "failed: train sparse lista" in said
            assert "Run the same command again: what is finished is kept" in said
        else:
            assert said.count("stopped (") == 1
        wait_until(lambda: not processes_in(fresh.folder))
        assert {path: path.stat().st_mtime_ns for path in kept} == kept


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_job_says_so_in_a_line(fresh: Project, number: signal.Signals) -> None:
    train_for_long(fresh)
    words = ["train", "--experiment", "sparse", "--method", "lista"]
    job = subprocess.Popen(
        fresh.command("mbdl_repro.pipeline", *words),
        cwd=fresh.folder,
        env=fresh.environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_until(lambda: fits_in(fresh))
    job.send_signal(number)
    said = job.communicate()[1]
    assert job.returncode == 128 + number
    assert said.splitlines()[-1] == f"train sparse: stopped ({number.name})"
    assert "Traceback" not in said


def flip_a_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def put_a_folder_there(path: Path) -> None:
    path.unlink()
    path.mkdir()
    (path / "notes.txt").write_text("mine")


def test_damaged_artifacts_are_made_anew(copy: Project, made: Project) -> None:
    harms = {
        "results/tables/linear.csv": flip_a_byte,
        "results/rows/linear.groups.npz": truncate,
        "results/scores/sparse/ista.csv": truncate,
        "results/verdicts.csv": put_a_folder_there,
        "results/models/sparse/lista.1of1.json": put_a_folder_there,
        "results/data/sparse.json": truncate,
        "figures/sparse.png": flip_a_byte,
    }
    for name, harm in harms.items():
        harm(copy.folder / name)
    status, said = copy.inside("--dry-run")
    assert status == 0
    for words in (
        "tabulate linear: linear.groups.npz",
        "summarize linear: linear.csv",
        "draw sparse: sparse.png",
    ):
        assert words in said
    done = copy.snakemake()
    assert done.returncode == 0, done.stderr
    for name in harms:
        assert f"{name} was damaged" in done.stderr + done.stdout
        assert (copy.folder / f"{name}.damaged").exists()  # nothing of the user's is deleted
    assert copy.contents() == made.contents()


@pytest.mark.parametrize("harm", [flip_a_byte, put_a_folder_there])
def test_damaged_entries_are_found_when_they_are_needed(
    copy: Project, made: Project, harm: Callable[[Path], None]
) -> None:
    for entry in copy.folder.glob("results/cache/*/*-*"):
        harm(entry)
    (copy.folder / "results/scores/sparse/lista.csv").unlink()
    copy.edit(copy.experiment("sparse"), "says: A tiny", "says: Another tiny")
    for path in copy.folder.glob("results/rows/sparse.*"):
        path.unlink()
    status = copy.run("mbdl_repro.cli", "status", "--entries")
    assert "of its cache entries are gone or altered" in status.stdout
    done = copy.snakemake()
    assert done.returncode == 0, done.stderr
    assert copy.contents() == made.contents()


def test_damaged_records_are_made_anew(copy: Project, made: Project) -> None:
    """Each is still JSON, and says something else, or less."""
    records = sorted(copy.folder.rglob("results/**/*.record.json"))
    edits = (b'"digest": "', b'"digest": "0'), (b'"spec":', b'"spek":'), (b'"code":', b'"cod":')
    for record, (old, new) in zip(records, edits * len(records), strict=False):
        record.write_bytes(record.read_bytes().replace(old, new, 1))
    records[0].write_bytes(b'{"a":' * 200_000)
    assert copy.jobs() == copy.planned()
    assert sum(copy.planned().values()) == 19
    done = copy.snakemake()
    assert done.returncode == 0, done.stderr
    assert copy.contents() == made.contents()


@pytest.mark.parametrize(
    ("name", "commands"),
    [
        ("results/tables/linear.csv", (["cli", "table"], ["pipeline", "draw"])),
        (
            "results/rows/linear.csv",
            (["cli", "table", "--seeds"], *(["pipeline", v] for v in ("summarize", "verify"))),
        ),
    ],
)
def test_a_damaged_table_is_refused_by_name(
    copy: Project, name: str, commands: tuple[list[str], ...]
) -> None:
    table = copy.folder / name
    table.write_text(table.read_text().replace("linear_mmse", "linear_mms3"))
    for program, *words in commands:
        last = ["--experiment", "linear"] if program == "pipeline" else ["linear"]
        result = copy.run(f"mbdl_repro.{program}", *words, *last)
        assert result.returncode != 0
        assert f"{name} is damaged" in result.stderr
        assert "Traceback" not in result.stderr


@needs_proc
def test_a_second_run_in_the_folder_says_so(fresh: Project) -> None:
    train_for_long(fresh)
    run = fresh.start()
    wait_until(lambda: list(fresh.folder.glob("results/data/*.json")))
    second = fresh.snakemake()
    assert second.returncode != 0
    assert "another run is at work in this folder" in second.stderr
    assert "Traceback" not in second.stderr
    assert fresh.inside("--dry-run")[0] == 0
    os.kill(run.pid, signal.SIGKILL)
    run.communicate()


def full_disk(limit: int) -> Callable[[], None]:
    """A limit on the size of files stands for the disk: both end a write with an error."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))


@pytest.mark.parametrize("limit", [60_000, 10])
def test_a_full_disk_is_one_clear_message(copy: Project, limit: int) -> None:
    """There may be no room for the log either."""
    kept = copy.everything()
    copy.edit(copy.experiment("sparse"), "test: 10", "test: 2000")
    words = ["simulate", "--experiment", "sparse", "--log", "results/logs/disk.log"]
    result = subprocess.run(
        copy.command("mbdl_repro.pipeline", *words),
        cwd=copy.folder,
        env=copy.environment,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=full_disk(limit),
    )
    assert result.returncode == 1
    assert result.stderr.startswith("simulate sparse: cannot write results/cache/data/")
    assert "Nothing half-written was kept" in result.stderr
    assert result.stderr.count("\n") == 1
    (copy.folder / "results/logs/disk.log").unlink()
    copy.edit(copy.experiment("sparse"), "test: 2000", "test: 10")
    assert copy.everything() == kept


def test_a_job_that_fails_deletes_nothing_that_is_kept(copy: Project) -> None:
    """Neither does the job itself, nor Snakemake before or after it."""
    copy.edit(copy.experiment("linear"), "title: Tiny, x", "title: Small, x")
    kept = copy.everything()
    name = "mbdl_repro/pipeline/stages/draw.py"
    copy.edit(copy.folder / name, "    images = drawn(", "    images = 1 / 0\n    drawn(")
    result = copy.snakemake()
    assert result.returncode == 1
    assert "failed: draw linear" in result.stdout + result.stderr
    del kept[name]
    after = copy.everything()
    assert {name: after.get(name) for name in kept if "logs" not in name} == {
        name: content for name, content in kept.items() if "logs" not in name
    }


def test_a_folder_that_cannot_be_written_to_is_one_clear_message(fresh: Project) -> None:
    (fresh.folder / "results").write_text("in the way")
    result = fresh.run("mbdl_repro.pipeline", "simulate", "--experiment", "linear")
    assert result.returncode == 1
    assert result.stderr.count("cannot write") == 1
    assert "Traceback" not in result.stderr


def keep(made: Project, other: Project) -> None:
    """Give another folder what the repository would keep of a run."""
    for name in ("rows", "tables", "verdicts", "report"):
        shutil.copytree(made.folder / "results" / name, other.folder / "results" / name)
    shutil.copytree(made.folder / "figures", other.folder / "figures")
    for path in made.folder.glob("results/ve*.*"):
        shutil.copy(path, other.folder / "results")


def test_what_came_with_the_repository_counts_as_made(made: Project, fresh: Project) -> None:
    keep(made, fresh)
    assert fresh.jobs() == fresh.planned() == {}
    (fresh.folder / "results/report/methods/tracking.kalmannet.html").unlink()
    _, said = fresh.inside("--dry-run")
    assert "9 results are there as this code makes them, and stay" in said
    assert fresh.jobs() == fresh.planned() == {"report": 1}
    fresh.edit(fresh.experiment("sparse"), "title: Tiny, x", "title: Small, x")
    assert fresh.jobs() == fresh.planned() == {"draw": 1, "report": 1}
    done = fresh.snakemake("figures/sparse.png")
    assert done.returncode == 0, done.stderr
    assert not (fresh.folder / "results/data").exists()


def test_what_came_with_the_repository_can_all_be_made_anew(made: Project, fresh: Project) -> None:
    keep(made, fresh)
    assert sum(fresh.jobs("--forceall").values()) == 19
    done = fresh.snakemake("--forceall", "results/tables/linear.csv")
    assert done.returncode == 0, done.stderr
    for name in ("results/tables/linear.csv", "results/rows/linear.csv"):
        assert (fresh.folder / name).read_bytes() == (made.folder / name).read_bytes()
    assert (fresh.folder / "results/scores/linear/linear_mmse.csv").exists()


def test_snakemake_s_own_notes_decide_nothing(copy: Project) -> None:
    """With other times, and without any notes, a change is seen all the same, and no other."""
    for path in copy.folder.rglob("results/**/*.csv"):
        os.utime(path, (0, 0))
    shutil.rmtree(copy.folder / ".snakemake")
    assert copy.jobs() == {}
    copy.edit(copy.experiment("linear"), "n_signal: 3", "n_signal: 2")
    jobs = copy.jobs()
    assert jobs == copy.planned()
    assert sum(jobs.values()) == 11


@pytest.mark.parametrize(
    "words",
    [
        ["--dry-run"],
        ["--dry-run", "--forceall"],
        ["--summary"],
        ["--detailed-summary"],
        ["--list-rules"],
        ["--dag"],
        ["--rulegraph"],
        ["--containerize"],
        ["--cleanup-metadata", "figures/linear.png"],
        ["--conda-create-envs-only", "--sdm", "conda"],
        ["--generate-unit-tests", "{elsewhere}"],
        ["--report", "{elsewhere}/report.html"],
        ["--unlock"],
        ["--touch"],
        ["--lint"],
    ],
    ids=" ".join,
)
def test_a_command_that_runs_no_job_changes_no_file(
    made: Project, words: list[str], tmp_path: Path
) -> None:
    """Not even where files are damaged, and none was made in this folder."""
    project = made.copy(tmp_path / "project")
    shutil.rmtree(project.folder / ".snakemake")
    flip_a_byte(project.folder / "results/tables/linear.csv")
    put_a_folder_there(project.folder / "figures/sparse.png")
    before = project.everything()
    (tmp_path / "elsewhere").mkdir()
    project.inside(*(word.format(elsewhere=tmp_path / "elsewhere") for word in words))
    assert project.everything() == before


def test_a_narrowed_run_writes_nothing_that_gathers_all(copy: Project) -> None:
    for target in ("gather", "results/verdicts.csv"):
        status, said = copy.inside(target, "--config", "experiments=linear")
        assert status != 0
        assert f"{target} gathers all experiments" in said


def test_a_narrowed_run_has_a_report_of_its_own(copy: Project) -> None:
    before = copy.everything()
    narrowed = ("--config", "experiments=linear")
    assert copy.jobs(*narrowed) == {"report": 1}
    done = copy.snakemake(*narrowed)
    assert done.returncode == 0, done.stderr
    assert "report    results/report_chosen/index.html" in done.stdout
    after = copy.everything()
    new = {name for name in after if after[name] != before.get(name)}
    assert {name for name in new if "/logs/" not in name} == {
        name for name in after if name.startswith("results/report_chosen/")
    }
    assert copy.jobs(*narrowed) == copy.jobs() == {}
    assert copy.jobs("--config", "experiments=sparse") == {"report": 1}


def test_jobs_leave_logs_with_time_and_memory(made: Project) -> None:
    logs = list(made.folder.glob("results/logs/**/*.log"))
    assert len(logs) == 19
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
        "report    results/report/index.html",
    ):
        assert words in said


def test_what_is_not_needed_any_more_can_be_removed(copy: Project) -> None:
    before = set(copy.folder.glob("results/cache/*/*-*"))
    assert "would remove 0 files" in copy.run("mbdl_repro.cli", "prune", "--dry-run").stdout
    copy.edit(copy.experiment("sparse"), "rho: 0.1, recipe", "rho: 0.2, recipe")
    assert copy.run("mbdl_repro.cli", "prune").returncode == 0
    removed = before - set(copy.folder.glob("results/cache/*/*-*"))
    assert len(removed) == 4 + 4  # the fits of lista, and their scores
