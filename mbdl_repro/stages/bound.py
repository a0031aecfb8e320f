"""Compute what no estimate can beat, and other lines to compare with."""

from __future__ import annotations

from typing import Any

import numpy as np

from mbdl_repro import catalogue
from mbdl_repro.artifacts import arrays_from_bytes, arrays_to_bytes, table_to_bytes
from mbdl_repro.catalogue import FunctionCard
from mbdl_repro.cells import Cells
from mbdl_repro.data import Data
from mbdl_repro.experiment import Experiment, Fit, Point
from mbdl_repro.family import Family
from mbdl_repro.job import Job, run
from mbdl_repro.rows import measured, row_frame


def bound(job: Job) -> None:
    """Compute every bound at every point and seed; write the rows."""
    import pandas as pd

    experiment = job.experiment
    cards = {name: catalogue.bounds(experiment.area)[name] for name in experiment.bounds}
    data = Data(experiment, job.store)
    cells = Cells(job.store.cells("bounds"), job.code, ".npz")
    work = [
        (card, Fit(point, n_train, seeds), test_point)
        for card in cards.values()
        for point, n_train in _places(experiment, card)
        for seeds in experiment.blocks
        for test_point in experiment.test_points or [{}]
    ]
    frames = []
    for i, (card, fit, test_point) in enumerate(work):
        job.progress(i / len(work), f"{card.name} ({fit})")
        spec = {
            "bound": card.name,
            "data": experiment.data_spec(fit, test_point or None),
            "fitted": experiment.data_spec(fit),
            "n_train": fit.n_train,
        }
        content, _ = cells.get(
            cells.key(spec),
            lambda card=card, fit=fit, test_point=test_point: arrays_to_bytes(
                _compute(experiment, data, card, fit, test_point)
            ),
        )
        frames.append(
            row_frame(
                experiment,
                fit,
                test_point,
                card.name,
                Family.BOUND,
                "full",
                arrays_from_bytes(content),
            )
        )
    rows = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()
    job.save({job.store.bounds(experiment.name): table_to_bytes(rows)})


def _places(experiment: Experiment, card: FunctionCard) -> list[tuple[Point, int]]:
    if "n_train" in card.arguments:
        return experiment.runs
    return [(point, 0) for point in experiment.points]


def _compute(
    experiment: Experiment, data: Data, card: FunctionCard, fit: Fit, test_point: Point
) -> dict[str, np.ndarray]:
    """Return the block's rows as columns."""
    function = catalogue.function(card)
    known: dict[str, Any] = {
        "truth": experiment.scenario_at(fit.point, test_point),
        "n_train": fit.n_train,
    }
    rows: list[dict[str, Any]] = []
    needs_data = {"test", "validation"} & set(card.arguments)
    tests = data.splits(fit, test_point or None) if needs_data else [{}] * len(fit.seeds)
    trained = data.splits(fit) if needs_data else tests
    exact: dict[str, Any] | None = None
    for seed, on_test, on_training in zip(fit.seeds, tests, trained, strict=True):
        if exact is None or needs_data:
            given = known | on_training | on_test
            exact = measured(function(**{name: given[name] for name in card.arguments}))
        rows.append(
            {
                "seed": seed,
                "iteration": np.nan,
                "metric": card.marks["metric"],
                "n_parameters": 0,
                **exact,
            }
        )
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


if __name__ == "__main__":
    run("bound", bound)
