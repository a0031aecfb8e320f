"""A job computes on one thread, whatever its surroundings say."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]

JOB = """
import sys
from mbdl_repro.pipeline import job

def do(job):
    import torch
    print(torch.get_num_threads())

sys.argv = ["gather"]
job.run("gather", do)
"""


@pytest.mark.parametrize(
    "first", ["", "import torch; torch.set_num_threads(3)"], ids=["torch later", "torch at once"]
)
def test_a_job_computes_on_one_thread(first):
    """Last bits of sums depend on the number of threads."""
    environment = os.environ | {"OMP_NUM_THREADS": "3"}
    ran = subprocess.run(
        [sys.executable, "-c", first + JOB],
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout == "1\n"
