"""Measure a method on the test signals of every seed."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import torch

from mbdl_repro import catalogue
from mbdl_repro.contract.capabilities import HasIllustrations
from mbdl_repro.contract.method import IterativeMethod, Method
from mbdl_repro.contract.scenario import Split
from mbdl_repro.errors import UserError
from mbdl_repro.experiments.experiment import Experiment, Fit, Point
from mbdl_repro.pipeline.job import Job, run
from mbdl_repro.pipeline.models import Models, to_device
from mbdl_repro.pipeline.rows import N_EXAMPLES, measured, rows_of
from mbdl_repro.store.artifacts import arrays_from_bytes, arrays_to_bytes, table_to_bytes
from mbdl_repro.store.cells import score_cells

_EXAMPLE = "example/"
"""What the names of examples begin with in a cell."""


def evaluate(job: Job) -> None:
    """Score each block of seeds, storing it at once; write the rows and a few estimates."""
    assert job.method is not None
    experiment, label = job.experiment, job.method
    entry = experiment.methods[label]
    models = Models(experiment, label, job.store)
    cells = score_cells(experiment, label, job.store)
    work = experiment.scorings(label)
    rows: list[dict[str, Any]] = []
    seconds = 0.0
    examples: dict[str, np.ndarray] = {}
    places: dict[str, int] = {}
    for i, (fit, test_point) in enumerate(work):
        job.progress(i / len(work), f"{i} of {len(work)} scored ({fit})")
        key = cells.key(experiment.score_spec(label, fit, test_point))
        trace = experiment.recorded(label, fit)
        content, _ = cells.get(key, partial(_score, experiment, models, fit, test_point, trace))
        seconds += cells.seconds.get(key, 0.0)
        arrays = arrays_from_bytes(content)
        shown = {
            name.removeprefix(_EXAMPLE): arrays.pop(name)
            for name in list(arrays)
            if name.startswith(_EXAMPLE)
        }
        if fit.seeds[0] == 0:
            place = places.setdefault(str((fit.point, fit.n_train, test_point)), len(places))
            examples |= {f"{name}_{place}": array for name, array in shown.items()}
        words = (label, entry.info.family, entry.belief)
        if fit.depth and fit.depth != entry.depths[-1]:
            # The answer of the method is that of its last fit.
            kept = ~np.isnan(arrays["iteration"])
            arrays = {name: column[kept] for name, column in arrays.items()}
        rows += rows_of(experiment, fit, test_point, *words, arrays)
    job.save(
        {
            job.store.scores(experiment.name, label): table_to_bytes(rows),
            job.store.examples(experiment.name, label): arrays_to_bytes(examples),
        },
        n_cells=len(work),
        score_seconds=round(seconds, 3),
    )


def _score(
    experiment: Experiment, models: Models, fit: Fit, test_point: Point, trace: list[int]
) -> bytes:
    """Return the block's rows as columns, and the first seed's first estimates."""
    truth = experiment.scenario_at(fit.point, test_point)
    infos = [catalogue.metrics(experiment.area)[name] for name in experiment.metrics]
    rows: list[dict[str, Any]] = []
    examples: dict[str, np.ndarray] = {}
    splits = models.data.splits(fit, test_point or None, ["test"])
    for seed, method, split in zip(fit.seeds, models.load(fit), splits, strict=True):
        test = split["test"]
        n_parameters = sum(p.numel() for p in method.parameters() if p.requires_grad)
        for iteration, estimate in _estimates(method, test, trace):
            known = {"estimate": estimate, "split": test, "truth": truth, "method": method}
            for info in infos:
                if "estimate" not in info.arguments and not np.isnan(iteration):
                    continue  # of the method itself, whatever its iterations
                values = catalogue.function(info)(**{name: known[name] for name in info.arguments})
                if values is not None:
                    rows.append(
                        {
                            "seed": seed,
                            "iteration": iteration,
                            "metric": info.name,
                            **measured(values, info.marks),
                            "n_parameters": n_parameters,
                        }
                    )
        if seed == fit.seeds[0]:
            few = test.first(N_EXAMPLES)
            shown = {"x": few.x, "s": few.s, "estimate": estimate[:N_EXAMPLES]}
            shown |= _illustrations(method, few)
            examples = {f"{_EXAMPLE}{name}": array for name, array in shown.items()}
    if not rows:
        raise UserError(f"{models.entry.label}: it has none of {', '.join(experiment.metrics)}")
    columns = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    return arrays_to_bytes(columns | examples)


def _illustrations(method: Method, few: Split) -> dict[str, np.ndarray]:
    """Return what else a method shows of a few signals: spectra, roots, where it has such."""
    if not isinstance(method, HasIllustrations):
        return {}
    with torch.no_grad():
        shown = method.illustrations(to_device(few).x)
        return {name: t.cpu().numpy() for name, t in shown.items()}


def _estimates(method: Method, test: Split, trace: list[int]) -> Iterator[tuple[float, np.ndarray]]:
    """Yield (iteration, estimates) where they are recorded, and last (NaN, the answer)."""
    x = to_device(test).x
    with torch.no_grad():
        if isinstance(method, IterativeMethod):
            for k, estimate in enumerate(method.iterates(x)):
                if k in trace:
                    yield k, estimate.cpu().numpy()
            # Iterations that a stopping rule made needless would have changed nothing.
            most = math.inf if method.iterations is None else method.iterations
            for later in trace:
                if k < later <= most:
                    yield later, estimate.cpu().numpy()
        else:
            estimate = method(x)
    yield np.nan, estimate.cpu().numpy()


if __name__ == "__main__":
    run("evaluate", evaluate)
