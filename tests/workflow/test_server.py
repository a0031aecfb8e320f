"""The process that does a run's jobs in copies of itself, and what hands them over to it."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from project import Project

from mbdl_repro.pipeline import server
from mbdl_repro.pipeline.client import ADDRESS, hand_over

SIMULATE = ["simulate", "--experiment=linear"]


@pytest.fixture
def serving(copy: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[server.Server]:
    monkeypatch.chdir(copy.folder)
    monkeypatch.setenv("PYTHONPATH", str(copy.folder))
    monkeypatch.setenv("MBDL_RUN_PID", str(os.getppid()))  # as of a job's own process
    monkeypatch.delenv(ADDRESS, raising=False)
    process = server.Server("full", ["linear", "sparse"])
    yield process
    process.close()


def test_without_a_server_a_job_does_its_own_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ADDRESS, raising=False)
    assert hand_over(SIMULATE) is None
    monkeypatch.setenv(ADDRESS, "/nowhere/jobs")
    assert hand_over(SIMULATE) is None


@pytest.mark.skipif(not Path("/proc").exists(), reason="runs on Linux only")
def test_jobs_end_as_their_copies_do(
    serving: server.Server, copy: Project, capfd: pytest.CaptureFixture[str]
) -> None:
    (copy.folder / "results/data/linear.json").unlink()
    assert hand_over(SIMULATE) == 0
    assert (copy.folder / "results/data/linear.json").exists()
    assert hand_over(["simulate", "--experiment=nonesuch"]) == 1
    assert "there is no such file" in capfd.readouterr().err
    assert hand_over(["simulate", "--nonesuch"]) == 2
    assert "unrecognized arguments: --nonesuch" in capfd.readouterr().err
    # Sources that were edited are not those that it has imported.
    copy.method("ista").write_text(copy.method("ista").read_text() + "\n")
    assert hand_over(SIMULATE) is None
    # It is gone: jobs go on without it.
    os.kill(serving._process.pid, signal.SIGKILL)
    serving._process.wait()
    assert hand_over(SIMULATE) is None


@pytest.mark.skipif(not Path("/proc").exists(), reason="runs on Linux only")
def test_it_ends_with_the_run_and_leaves_nothing(serving: server.Server) -> None:
    address = Path(os.environ[ADDRESS])
    assert hand_over(SIMULATE) == 0  # it listens by now
    assert serving._process.stdin is not None
    serving._process.stdin.close()  # as when the run dies
    assert serving._process.wait() == 0
    assert not address.parent.exists()
