"""Compute what no estimate can beat, and other lines to compare with."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from mbdl_repro import catalogue
from mbdl_repro.catalogue import FunctionInfo
from mbdl_repro.contract.family import Family
from mbdl_repro.contract.table import Point
from mbdl_repro.errors import UserError
from mbdl_repro.experiments import specs
from mbdl_repro.experiments.experiment import Experiment, Fit
from mbdl_repro.pipeline.caches import bound_cache
from mbdl_repro.pipeline.data import Data
from mbdl_repro.pipeline.job import Job
from mbdl_repro.pipeline.rows import measured, rows_of
from mbdl_repro.store.files import arrays_from_bytes, arrays_to_bytes, table_to_bytes


def bound(job: Job) -> None:
    """Compute every bound at every point and seed; write the rows."""
    experiment = job.experiment
    data = Data(experiment, job.store)
    caches = {name: bound_cache(experiment, name, job.store) for name in experiment.bounds}
    work = experiment.boundings()
    exact: Exact = {}
    rows: list[dict[str, Any]] = []
    for i, (name, fit, test_point) in enumerate(work):
        job.progress(i / len(work), f"{name} ({fit})")
        info = catalogue.bounds(experiment.area)[name]
        content, _ = caches[name].get(
            caches[name].key(specs.bound_spec(experiment, name, fit, test_point)),
            partial(_computed, experiment, data, info, fit, test_point, exact),
        )
        words = (name, Family.BOUND, "full")
        rows += rows_of(experiment, fit, test_point, *words, arrays_from_bytes(content))
    job.save({job.store.bounds(experiment.name): table_to_bytes(rows)})


Exact = dict[str, dict[str, np.ndarray]]
"""What bounds that look at no signals found at a place, which is the same for every block."""


def _computed(
    experiment: Experiment,
    data: Data,
    info: FunctionInfo,
    fit: Fit,
    test_point: Point,
    exact: Exact,
) -> bytes:
    """Return the block's rows as columns; what other blocks of seeds share is found in exact."""
    metric = catalogue.metrics(experiment.area)[info.marks["metric"]]
    given: list[dict[str, Any]] = [{}] * len(fit.seeds)
    if {"test", "validation"} & set(info.arguments):
        tested = data.splits(fit, test_point or None, ["test"])
        trained = data.splits(fit, wanted=["validation", "test"])
        given = [a | b for a, b in zip(trained, tested, strict=True)]
    known = {"truth": experiment.scenario_at(fit.point, test_point), "n_train": fit.n_train}
    function = catalogue.function(info)
    iterations = [*experiment.recorded(info.name), None]
    asked = {name: known[name] for name in info.arguments if name in known}
    place = str((info.name, fit.point, fit.n_train, test_point))
    try:
        if given[0] or place not in exact:
            exact[place] = values(function, info.arguments, asked, given, iterations, metric.marks)
    except ValueError as error:
        raise UserError(f"bound {info.name} at {fit}: {error}") from error
    n, k = len(fit.seeds), len(iterations)
    columns = {
        "seed": np.repeat(np.array(fit.seeds), k),
        "iteration": np.tile([np.nan if one is None else one for one in iterations], n),
        "metric": np.array([metric.name] * (n * k)),
        "n_parameters": np.zeros(n * k, dtype=int),
    }
    return arrays_to_bytes(columns | exact[place])


def values(
    function: Callable[..., Any],
    arguments: Sequence[str],
    known: Mapping[str, Any],
    given: Sequence[Mapping[str, Any]],
    iterations: Sequence[int | None],
    marks: Mapping[str, Any],
) -> dict[str, np.ndarray]:
    """Return a bound for each seed, and in it for each number of iterations, as columns.

    Args:
        function: the bound.
        arguments: names of what it asks for.
        known: what is the same for all seeds.
        given: the splits of each seed, empty where it asks for none: it is computed once then.
        iterations: numbers of iterations; None is the limit of many.
        marks: words of the decorator of the metric that it bounds.
    """
    rows: list[dict[str, Any]] = []
    exact: dict[int | None, dict[str, Any]] = {}
    for of_seed in given:
        for iteration in iterations:
            if of_seed or iteration not in exact:
                every = {**known, **of_seed, "iteration": iteration}
                found = function(**{name: every[name] for name in arguments})
                exact[iteration] = measured(found, marks)
            rows.append(exact[iteration])
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}
