"""Jobs as the pipeline makes them, for tests that call a stage as a function."""

from __future__ import annotations

from collections.abc import Mapping

from mbdl_repro.experiments.experiment import Experiment
from mbdl_repro.experiments.scale import Scale
from mbdl_repro.pipeline.job import Job
from mbdl_repro.pipeline.verbs import task_of


def job(
    verb: str,
    experiments: Experiment | Mapping[str, Experiment],
    scale: Scale,
    method: str | None = None,
    part: int = 1,
    device: str = "cpu",
) -> Job:
    """Return the job of a verb for an experiment, or for all of them where it gathers."""
    if isinstance(experiments, Experiment):
        book, name = {experiments.name: experiments}, experiments.name
    else:
        book, name = dict(experiments), None
    return Job(task_of(verb, book, name, method, part), book, scale, device)
