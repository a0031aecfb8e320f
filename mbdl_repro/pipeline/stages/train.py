"""Fit a method at every point, training-set size and seed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from mbdl_repro.contract.hashing import canonical
from mbdl_repro.experiments.experiment import Fit
from mbdl_repro.learning.training import part_of
from mbdl_repro.pipeline.job import Job
from mbdl_repro.pipeline.models import Models
from mbdl_repro.store.files import json_to_bytes, table_to_bytes

Made = tuple[str, list[dict[str, Any]]]
"""The name of a cache entry's file, and the settings and history of each seed's fit in it."""


def train(job: Job) -> None:
    """Fit each block of seeds, storing it at once; write the index and the training history."""
    assert job.method is not None
    experiment, label = job.experiment, job.method
    parts = experiment.methods[label].jobs
    fits = experiment.fits(label)[job.part - 1 :: parts]
    models = Models(experiment, label, job.store, job.device)
    keys = [models.key(fit) for fit in fits]
    made: dict[int, Made] = {}
    for i in models.cache.free_first(keys):
        report = part_of(job.progress, len(made), len(fits), f"{fits[i]}: ")
        made[i] = models.fitted(fits[i], report)
    index, history = described(fits, [made[i] for i in range(len(fits))])
    place = (experiment.name, label, job.part, parts)
    job.save(
        {
            job.store.model(*place): json_to_bytes(index),
            job.store.history(*place): table_to_bytes(history),
        },
        n_entries=len(fits),
        chosen=chosen(experiment.methods[label].tune, made.values()),
        fit_seconds=round(sum(models.cache.seconds.get(key, 0.0) for key in keys), 3),
    )


def described(
    fits: Sequence[Fit], made: Sequence[Made]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return an index of the fits, and their training history as rows.

    Args:
        fits: what was fitted.
        made: what came of each.
    """
    index, history = [], []
    for fit, (name, notes) in zip(fits, made, strict=True):
        where = {**fit.point, "n_train": fit.n_train}
        where |= {"iterations": fit.depth} if fit.depth else {}
        index.append({**where, "seeds": fit.seeds, "file": name})
        for seed, note in zip(fit.seeds, notes, strict=True):
            settings = " ".join(f"{k}={v}" for k, v in note["settings"].items())
            history += [
                {**where, "seed": seed, "settings": settings, **row}
                for row in note["history"] or [{}]
            ]
    return index, history


def chosen(tuned: Iterable[str], made: Iterable[Made]) -> dict[str, Counter[str]]:
    """Return how many fits chose each value of each setting that is tuned.

    Args:
        tuned: names of the settings.
        made: what came of each fit.
    """
    counts: dict[str, Counter[str]] = {name: Counter() for name in tuned}
    for _, notes in made:
        for note in notes:
            for setting, value in note["settings"].items():
                counts[setting][canonical(value)] += 1
    return counts
