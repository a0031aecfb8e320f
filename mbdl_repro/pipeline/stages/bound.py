"""Compute what no estimate can beat, and other lines to compare with."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from mbdl_repro import catalogue
from mbdl_repro.catalogue import FunctionInfo
from mbdl_repro.contract.family import Family
from mbdl_repro.contract.table import Point
from mbdl_repro.errors import UserError
from mbdl_repro.experiments.experiment import Experiment, Fit
from mbdl_repro.experiments.specs import bound_spec
from mbdl_repro.pipeline.data import Data
from mbdl_repro.pipeline.job import Job, run
from mbdl_repro.pipeline.rows import measured, rows_of
from mbdl_repro.store.artifacts import arrays_from_bytes, arrays_to_bytes, table_to_bytes
from mbdl_repro.store.cells import bound_cells


def bound(job: Job) -> None:
    """Compute every bound at every point and seed; write the rows."""
    experiment = job.experiment
    data = Data(experiment, job.store)
    cells = bound_cells(experiment, job.store)
    work = experiment.boundings()
    rows: list[dict[str, Any]] = []
    for i, (name, fit, test_point) in enumerate(work):
        job.progress(i / len(work), f"{name} ({fit})")
        info = catalogue.bounds(experiment.area)[name]
        content, _ = cells.get(
            cells.key(bound_spec(experiment, name, fit, test_point)),
            partial(_compute, experiment, data, info, fit, test_point),
        )
        words = (name, Family.BOUND, "full")
        rows += rows_of(experiment, fit, test_point, *words, arrays_from_bytes(content))
    job.save({job.store.bounds(experiment.name): table_to_bytes(rows)})


def _compute(
    experiment: Experiment, data: Data, info: FunctionInfo, fit: Fit, test_point: Point
) -> bytes:
    """Return the block's rows as columns."""
    function = catalogue.function(info)
    known: dict[str, Any] = {
        "truth": experiment.scenario_at(fit.point, test_point),
        "n_train": fit.n_train,
    }
    metric = catalogue.metrics(experiment.area)[info.marks["metric"]]
    rows: list[dict[str, Any]] = []
    needs_data = {"test", "validation"} & set(info.arguments)
    tests = data.splits(fit, test_point or None, ["test"]) if needs_data else [{}] * len(fit.seeds)
    trained = data.splits(fit, wanted=["validation", "test"]) if needs_data else tests
    exact: dict[int | None, dict[str, Any]] = {}
    for seed, on_test, on_training in zip(fit.seeds, tests, trained, strict=True):
        for iteration in [*experiment.recorded(info.name), None]:
            if needs_data or iteration not in exact:
                given = known | on_training | on_test | {"iteration": iteration}
                try:
                    values = function(**{name: given[name] for name in info.arguments})
                except ValueError as error:
                    raise UserError(f"bound {info.name} at {fit}: {error}") from error
                exact[iteration] = measured(values, metric.marks)
            rows.append(
                {
                    "seed": seed,
                    "iteration": np.nan if iteration is None else iteration,
                    "metric": metric.name,
                    "n_parameters": 0,
                    **exact[iteration],
                }
            )
    return arrays_to_bytes({name: np.array([row[name] for row in rows]) for name in rows[0]})


if __name__ == "__main__":
    run("bound", bound)
