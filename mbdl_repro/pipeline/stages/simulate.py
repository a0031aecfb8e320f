"""Draw the observations and targets of every point and seed."""

from __future__ import annotations

from mbdl_repro.pipeline.data import Data
from mbdl_repro.pipeline.job import Job
from mbdl_repro.store.files import json_to_bytes


def simulate(job: Job) -> None:
    """Draw each block of seeds at each point, on and off the training point; write the index."""
    experiment = job.experiment
    data = Data(experiment, job.store)
    index, drawn = [], experiment.drawn
    for i, (fit, test_point) in enumerate(drawn):
        job.progress(i / len(drawn), str(fit))
        path = data.path(fit, test_point)
        index.append(
            {"point": fit.point, "test_point": test_point, "seeds": fit.seeds, "file": path.name}
        )
    job.save({job.store.data(experiment.name): json_to_bytes(index)})
