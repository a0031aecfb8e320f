"""The package works without the project around it, and says what is missing there."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]

PROGRAM = """
import mbdl_repro as mbdl
from mbdl_repro.cli import main

area = mbdl.sparse_recovery
truth = area.SparseRecovery(
    observation_matrix="unit_columns", n_observations=6, n_signal=9, n_nonzeros=1, nonzero_std=1.0,
    noise_std=0.1,
)
lista = mbdl.Candidate(area.Lista, iterations=1, rho=0.1, recipe=mbdl.Recipe(steps=2))
print(mbdl.compare([lista, area.Ridge], truth, n_train=9, n_validation=9, n_test=9, seeds=2))
try:
    mbdl.load("5.06", "lista")
except mbdl.errors.UserError as error:
    print(error)
main(["table", "5.06"])
"""


def test_the_python_face_works_in_an_empty_folder(tmp_path):
    """As a wheel installs it: that all its files are in the wheel, test_environment.py says."""
    shutil.copytree(ROOT / "mbdl_repro", tmp_path / "installed/mbdl_repro")
    empty = tmp_path / "empty"
    empty.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=empty,
        env=os.environ | {"PYTHONPATH": str(tmp_path / "installed")},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert "lista" in done.stdout and "ridge" in done.stdout, done.stderr
    assert "lie in a clone of the project" in done.stdout
    assert "this folder has no workflow/experiments" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(empty.iterdir())
