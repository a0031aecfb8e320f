"""Jobs as jobs of SLURM, on a cluster of one node that lives as long as a test needs it."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from cluster.one_node import missing
from project import Project

ONE_NODE = Path(__file__).with_name("one_node.py")
SECONDS = 3600.0
"""Seconds after which a test gives up: some thirty times what it takes."""


def why_not() -> str | None:
    if find_spec("snakemake_executor_plugin_slurm") is None:
        return 'no plug-in for SLURM: pip install -c constraints.txt -e ".[cluster]"'
    return missing()


REASON = why_not()
pytestmark = pytest.mark.skipif(REASON is not None, reason=str(REASON))


def on_cluster(project: Project, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a project's folder, on a cluster of its own."""
    return subprocess.run(
        [sys.executable, str(ONE_NODE), *command],
        cwd=project.folder,
        env=project.environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )


def snakemake(project: Project, *words: str) -> list[str]:
    """Return the command of a run with the profile that users are told, asking more often."""
    profile = ("--profile", "profiles/slurm", "--slurm-init-seconds-before-status-checks", "5")
    return project.command("snakemake", *words, *profile)


def test_a_cluster_makes_the_same_bytes_as_this_machine(tmp_path: Path) -> None:
    here = Project(tmp_path / "here")
    there = here.copy(tmp_path / "there")
    words = ("tables", "results/verdicts/linear.csv", "--config", "experiments=linear")
    done = on_cluster(there, *snakemake(there, *words))
    assert done.returncode == 0, done.stdout + done.stderr
    jobs = 5  # simulate, train, two times evaluate, bound; the rest takes seconds, and is done here
    assert done.stderr.count("has been submitted with SLURM jobid") == jobs, done.stderr
    made = here.snakemake(*words)
    assert made.returncode == 0, made.stderr
    assert made_in(there) == made_in(here)


def made_in(project: Project) -> dict[str, bytes]:
    """Return rows, table and verdicts."""
    paths = [
        path
        for pattern in ("rows/*.csv", "rows/*.npz", "tables/*.csv", "verdicts/*.csv")
        for path in project.folder.glob(f"results/{pattern}")
    ]
    assert len(paths) == 6
    return {str(path.relative_to(project.folder)): path.read_bytes() for path in paths}


STOPPED = """
"$@" > run.log 2>&1 & run=$!
until ls results/cache/models/*-* > fits.log 2>&1; do
    kill -0 $run || exit 1
    sleep 0.1
done
kill -TERM $run
wait $run
echo "status $?"
until [ -z "$(squeue --noheader)" ]; do sleep 0.1; done
squeue --noheader --states=all --format='%T %k'
"""
"""Stop a run once it has stored a fit, and say how it and its jobs ended."""


def test_a_run_that_is_stopped_cancels_its_jobs_and_can_go_on(tmp_path: Path) -> None:
    project = Project(tmp_path / "project")
    project.edit(project.experiment("sparse"), "steps: 20", "steps: 3000")
    words = ("models", "--config", "experiments=sparse")
    done = on_cluster(project, "sh", "-c", STOPPED, "sh", *snakemake(project, *words))
    said = (project.folder / "run.log").read_text()
    assert "status 143" in done.stdout, done.stdout + done.stderr + said
    assert "CANCELLED rule_train" in done.stdout, done.stdout + said
    assert "run the same command again" in said

    def fits() -> dict[Path, int]:
        found = project.folder.glob("results/cache/models/*-*")
        return {path: path.stat().st_mtime_ns for path in found}

    kept = fits()
    again = project.snakemake(*words)
    assert again.returncode == 0, again.stderr
    assert len(kept) < len(fits()) == 4
    assert kept.items() <= fits().items()
