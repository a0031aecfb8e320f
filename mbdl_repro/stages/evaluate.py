"""Measure a method on the test signals of every seed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from mbdl_repro import catalogue
from mbdl_repro.artifacts import arrays_from_bytes, arrays_to_bytes, table_to_bytes
from mbdl_repro.cells import Cells
from mbdl_repro.experiment import Experiment, Fit, Point
from mbdl_repro.fingerprint import fingerprint
from mbdl_repro.job import Job, run
from mbdl_repro.method import IterativeMethod, Method
from mbdl_repro.models import Models, to_device
from mbdl_repro.rows import measured, row_frame
from mbdl_repro.scenario import Split

N_EXAMPLES = 3
"""Test signals whose estimates are kept for illustrations, of the first seed."""


def evaluate(job: Job) -> None:
    """Score each block of seeds, storing it at once; write the rows and a few estimates."""
    assert job.method is not None
    experiment, label = job.experiment, job.method
    entry = experiment.methods[label]
    models = Models(experiment, label, job.store)
    code = models.cells.code | fingerprint(
        "mbdl_repro.stages.evaluate", f"mbdl_repro.{experiment.area}.metrics"
    )
    cells = Cells(job.store.cells("scores"), code, ".npz")
    work = [
        (fit, test_point)
        for fit in experiment.fits(label)
        for test_point in experiment.test_points or [{}]
    ]
    frames, examples, seconds = [], {}, 0.0
    for i, (fit, test_point) in enumerate(work):
        job.progress(i / len(work), f"{i} of {len(work)} scored ({fit})")
        spec = {
            "fit": experiment.fit_spec(label, fit),
            "truth": experiment.scenario_spec(fit.point, test_point),
            "n_test": experiment.samples.test,
            "metrics": experiment.metrics,
            "trace": experiment.trace,
        }
        key = cells.key(spec)
        content, _ = cells.get(
            key,
            lambda fit=fit, test_point=test_point: arrays_to_bytes(
                _score(experiment, models, fit, test_point)
            ),
        )
        seconds += cells.seconds.get(key, 0.0)
        arrays = arrays_from_bytes(content)
        examples |= (
            {
                f"{name.removeprefix('example_')}_{i}": arrays.pop(name)
                for name in list(arrays)
                if name.startswith("example_")
            }
            if fit.seeds[0] == 0
            else {}
        )
        frames.append(
            row_frame(
                experiment,
                fit,
                test_point,
                label,
                entry.card.family,
                entry.belief,
                {name: array for name, array in arrays.items() if "example" not in name},
            )
        )
    import pandas as pd

    rows = pd.concat(frames, ignore_index=True)
    job.save(
        {
            job.store.scores(experiment.name, label): table_to_bytes(rows),
            job.store.examples(experiment.name, label): arrays_to_bytes(examples),
        },
        score_seconds=round(seconds, 3),
    )


def _score(
    experiment: Experiment, models: Models, fit: Fit, test_point: Point
) -> dict[str, np.ndarray]:
    """Return the block's rows as columns, and the first seed's first estimates."""
    truth = experiment.scenario_at(fit.point, test_point)
    metrics = {
        name: catalogue.function(catalogue.metrics(experiment.area)[name])
        for name in experiment.metrics
    }
    rows: list[dict[str, Any]] = []
    examples: dict[str, np.ndarray] = {}
    splits = models.data.splits(fit, test_point or None)
    for seed, method, split in zip(fit.seeds, models.load(fit), splits, strict=True):
        test = split["test"]
        for iteration, estimate in _estimates(method, test, experiment.trace):
            for name, metric in metrics.items():
                rows.append(
                    {
                        "seed": seed,
                        "iteration": iteration,
                        "metric": name,
                        **measured(metric(estimate, test, truth)),
                        "n_parameters": sum(
                            p.numel() for p in method.parameters() if p.requires_grad
                        ),
                    }
                )
        if seed == fit.seeds[0]:
            few = test.first(N_EXAMPLES)
            examples = {
                "example_x": few.x,
                "example_s": few.s,
                "example_estimate": estimate[:N_EXAMPLES],
            }
    columns = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    return columns | examples


def _estimates(method: Method, test: Split, trace: list[int]) -> Iterator[tuple[float, np.ndarray]]:
    """Yield (iteration, estimates) where they are recorded, and last (NaN, the answer)."""
    x = to_device(test).x
    with torch.no_grad():
        if isinstance(method, IterativeMethod):
            for k, estimate in enumerate(method.iterates(x)):
                if k in trace:
                    yield k, estimate.cpu().numpy()
        else:
            estimate = method(x)
    yield np.nan, estimate.cpu().numpy()


if __name__ == "__main__":
    run("evaluate", evaluate)
