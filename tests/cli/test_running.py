"""`mbdl run` tells Snakemake what is meant, and passes on how that ends."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner
from commands import mbdl, mistake

from mbdl_repro.catalogue.memory import PACKAGE
from mbdl_repro.cli import main, running

pytestmark = pytest.mark.usefixtures("store")


@pytest.fixture
def asked(monkeypatch):
    """What Snakemake is told, in place of a run."""
    told = []
    monkeypatch.setattr(running, "snakemake", lambda words, quiet=False: told.append(words) or 0)
    monkeypatch.setattr(running, "_show_scores", lambda *words: None)
    return told


CONFIG = ["--config", "experiments=5.06_lista", "scale=full", "device=cpu"]
SMALL = ["--config", "experiments=5.06_lista", "scale=smoke", "device=cpu"]


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        (["5.6"], ["--cores", "all", *CONFIG]),
        (["LISTA", "--cores", "2", "--force"], ["--cores", "2", "--forceall", *CONFIG]),
        (["5.06", "-n", "--scale", "smoke"], ["--cores", "all", "--dry-run", *SMALL]),
        ([], ["--cores", "all", "--config", "scale=full", "device=cpu"]),
        (
            ["5.06", "--methods", "LISTA, ista", "--scale", "smoke"],
            [
                "--cores",
                "all",
                "results/smoke/scores/5.06_lista/lista.csv",
                "results/smoke/scores/5.06_lista/ista.csv",
                *SMALL,
            ],
        ),
    ],
)
def test_what_snakemake_is_told(asked, typed, told):
    assert mbdl("run", *typed) == ""
    assert asked == [told]


def test_a_comparison_is_run_by_its_figure_with_all_experiments(asked):
    folder = Path("workflow/comparisons")
    folder.mkdir(parents=True)
    (folder / "6_mine.yaml").touch()
    mbdl("run", "6_mine", "--force")
    expected = ["figures/6_mine.png", "--force", "--config", "scale=full", "device=cpu"]
    assert asked == [["--cores", "all", *expected]]
    assert "run it by itself" in mistake("run", "6_mine", "5.06")
    assert "of one experiment" in mistake("run", "6_mine", "--methods", "ista")


def test_what_there_is_not(asked):
    assert "did you mean lista, ista or ista_book?" in mistake("run", "5.06", "--methods", "lita")
    assert "of one experiment" in mistake("run", "--methods", "ista")
    assert "a number of 1 or more, or all" in mistake("run", "5.06", "--cores", "0")
    assert "`mbdl table NAME --json`" in mistake("run", "5.06", "--json")
    assert asked == []


def test_the_exit_code_goes_through(monkeypatch):
    monkeypatch.setattr(running, "snakemake", lambda words, quiet=False: 130)
    assert CliRunner().invoke(main, ["run", "5.06"]).exit_code == 130


@pytest.fixture
def smoke(store):
    """The project's Snakefile beside the experiments of these tests."""
    shutil.copy(PACKAGE.parent / "Snakefile", ".")
    shutil.copytree(PACKAGE.parent / "profiles", "profiles")
    (Path.cwd() / "mbdl_repro").symlink_to(PACKAGE)
    return [sys.executable, "-m", "mbdl_repro.cli", "run", "5.06", "--scale", "smoke"]


def test_methods_are_run_and_shown_and_the_whole_table_stays(smoke, store):
    before = store.table("5.06_lista").read_bytes()
    command = [*smoke, "--methods", "lista,ista_book", "--json"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)  # and nothing but them
    assert {row["method"] for row in rows} == {"lista", "ista_book"}
    assert "evaluate 5.06_lista lista" in done.stderr
    assert not Path("results/smoke/tables").exists()
    assert store.table("5.06_lista").read_bytes() == before


def test_ctrl_c_goes_through(smoke):
    process = subprocess.Popen(
        [*smoke, "--force"], stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    for line in process.stderr:
        if "experiments: " in line:
            break
    time.sleep(0.2)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to all of them
    assert process.wait(timeout=60) == 130
    assert "run the same command again" in process.stderr.read()
