"""What keeps a folder of results in order: what nobody needs is removed."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

from mbdl_repro.experiments import specs
from mbdl_repro.experiments.experiment import Experiment
from mbdl_repro.experiments.reading import load_scale
from mbdl_repro.pipeline import caches
from mbdl_repro.pipeline.plan import Plan
from mbdl_repro.pipeline.run import take_lock
from mbdl_repro.store.cache import SECONDS
from mbdl_repro.store.paths import Store


def prune(scale: str, *, dry_run: bool) -> tuple[int, int]:
    """Remove cache entries that no experiment needs any more, and what mishaps left behind.

    Networks that methods share stay: which ones are needed is known only to those who fit them.

    Args:
        scale: whose results they are.
        dry_run: whether to leave them where they are.

    Returns:
        How many files and folders these are, and how many bytes.
    """
    plan = Plan(load_scale(scale))
    # A run at work would lose what it is about to use, and what it is writing.
    lock = contextlib.nullcontext() if dry_run else take_lock()
    with lock:
        unused = [*_unused_entries(plan), *_left_behind(plan.store)]
        files = [file for path in unused for file in (path, *path.rglob("*")) if file.is_file()]
        size = sum(file.stat().st_size for file in files)
        for path in [] if dry_run else unused:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    return len(unused), size


def _left_behind(store: Store) -> list[Path]:
    """Return what was set aside, and what writes left that were killed half-way."""
    patterns = ("*.damaged", ".*.tmp")
    found = {path for pattern in patterns for path in store.results.rglob(pattern)}
    found |= {path for pattern in patterns for path in store.figures.glob(pattern)}
    return sorted(found)


def _unused_entries(plan: Plan) -> list[Path]:
    """Return the files of cache entries that no experiment, as it stands, would use."""
    there = [
        path
        # Encodings are read while scores are made, and never again.
        for kind in ("data", "models", "scores", "bounds", "encodings")
        for path in sorted(plan.store.cache(kind).glob("*"))
        if path.name != SECONDS and not path.name.startswith(".")
    ]
    used: set[Path] = set()
    for experiment in plan.experiments.values() if there else ():
        used |= _used_entries(experiment, plan.store)
    return [path for path in there if path not in used]


def _used_entries(experiment: Experiment, store: Store) -> set[Path]:
    """Return the files of the cache entries that an experiment, as it stands, would use."""
    used: set[Path | None] = set()
    data = caches.data_cache(experiment, store)
    for drawn in experiment.drawn:
        used.add(data.file(data.key(specs.data_spec(experiment, *drawn))))
    for label, entry in experiment.methods.items():
        for device in caches.DEVICES:
            models = caches.model_cache(experiment, label, store, device)
            scores = caches.score_cache(experiment, label, store, device)
            for fit, point in experiment.scorings(label):
                if entry.has_fit:
                    used.add(models.file(models.key(specs.fit_spec(experiment, label, fit))))
                scored = specs.score_spec(experiment, label, fit, point)
                used.add(scores.file(scores.key(scored)))
    bounds = {name: caches.bound_cache(experiment, name, store) for name in experiment.bounds}
    for name, fit, point in experiment.boundings():
        key = bounds[name].key(specs.bound_spec(experiment, name, fit, point))
        used.add(bounds[name].file(key))
    return {path for path in used if path is not None}
