"""Draw the observations and targets of every point and seed."""

from __future__ import annotations

from mbdl_repro.contract.table import Point
from mbdl_repro.experiments.experiment import Fit
from mbdl_repro.pipeline.data import Data
from mbdl_repro.pipeline.job import Job
from mbdl_repro.store.files import json_to_bytes


def simulate(job: Job) -> None:
    """Draw each block of seeds at each point, on and off the training point; write the index."""
    experiment = job.experiment
    data = Data(experiment, job.store)
    wanted: list[tuple[Fit, Point]] = [
        (Fit(point, 0, seeds), test_point)
        for point in experiment.points
        for seeds in experiment.blocks
        for test_point in ({}, *experiment.test_points)
    ]
    index = []
    for i, (fit, test_point) in enumerate(wanted):
        job.progress(i / len(wanted), str(fit))
        path = data.path(fit, test_point or None)
        index.append(
            {"point": fit.point, "test_point": test_point, "seeds": fit.seeds, "file": path.name}
        )
    job.save({job.store.data(experiment.name): json_to_bytes(index)})
