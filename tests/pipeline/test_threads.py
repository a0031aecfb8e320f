"""A job computes on one thread, whatever its surroundings say."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]

JOB = """
import sys
from mbdl_repro.pipeline import __main__, job

def work(job):
    import torch
    print(torch.get_num_threads())

job.do = work
job.run(["gather"])
"""


@pytest.mark.parametrize("threads", ["3", None])
def test_a_job_computes_on_one_thread(threads):
    """Last bits of sums depend on the number of threads."""
    environment = {name: value for name, value in os.environ.items() if "NUM_THREADS" not in name}
    environment |= {} if threads is None else {"OMP_NUM_THREADS": threads}
    ran = subprocess.run(
        [sys.executable, "-c", JOB],
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout == "1\n"


def test_a_verb_that_uses_torch_gets_one_thread_where_torch_is_loaded_already(monkeypatch):
    import torch

    from mbdl_repro.pipeline import job, verbs

    seen = []
    module = type(sys)("work")
    module.train = lambda one: seen.append(torch.get_num_threads())
    monkeypatch.setitem(sys.modules, "work", module)
    verb = verbs.dataclasses.replace(verbs.VERBS["train"], module="work")
    monkeypatch.setitem(job.VERBS, "train", verb)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    one = job.Job(verbs.Task("train"), {}, job.Scale("full", "all", "r", "f"))
    one.__dict__["stands_on"] = {}
    job.do(one)
    torch.set_num_threads(before)
    assert seen == [1]
