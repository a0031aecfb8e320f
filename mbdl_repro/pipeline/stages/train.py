"""Fit a method at every point, training-set size and seed."""

from __future__ import annotations

from collections import Counter
from typing import Any

from mbdl_repro.contract.hashing import canonical
from mbdl_repro.learning.training import part_of
from mbdl_repro.pipeline.job import Job, run
from mbdl_repro.pipeline.models import Models
from mbdl_repro.store.artifacts import json_to_bytes, table_to_bytes


def train(job: Job) -> None:
    """Fit each block of seeds, storing it at once; write the index and the training curves."""
    assert job.method is not None
    experiment, label = job.experiment, job.method
    parts = experiment.methods[label].jobs
    fits = experiment.fits(label)[job.part - 1 :: parts]
    models = Models(experiment, label, job.store)
    index, curves = [], []
    chosen: dict[str, Counter[str]] = {name: Counter() for name in experiment.methods[label].tune}
    made: dict[int, tuple[str, list[dict[str, Any]]]] = {}
    for i in models.cells.free_first([models.key(fit) for fit in fits]):
        report = part_of(job.progress, len(made), len(fits), f"{fits[i]}: ")
        made[i] = models.fitted(fits[i], report)
    for i, fit in enumerate(fits):
        name, notes = made[i]
        where = {**fit.point, "n_train": fit.n_train}
        where |= {"iterations": fit.depth} if fit.depth else {}
        index.append({**where, "seeds": fit.seeds, "file": name})
        for seed, note in zip(fit.seeds, notes, strict=True):
            for setting, value in note["settings"].items():
                chosen[setting][canonical(value)] += 1
            settings = " ".join(f"{k}={v}" for k, v in note["settings"].items())
            curves += [
                {**where, "seed": seed, "settings": settings, **row}
                for row in note["history"] or [{}]
            ]
    place = (experiment.name, label, job.part, parts)
    job.save(
        {
            job.store.model(*place): json_to_bytes(index),
            job.store.history(*place): table_to_bytes(curves),
        },
        n_cells=len(fits),
        chosen=chosen,
        fit_seconds=sum(models.cells.seconds.get(models.key(fit), 0.0) for fit in fits),
    )


if __name__ == "__main__":
    run("train", train)
