"""Compute what no estimate can beat, and other lines to compare with."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from mbdl_repro import catalogue
from mbdl_repro.catalogue import FunctionInfo
from mbdl_repro.contract.scenario import in_seed
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
        rows += rows_of(fit, test_point, name, arrays_from_bytes(content))
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
    known_metrics = catalogue.metrics(experiment.area)
    marks = {name: known_metrics[name].marks for name in experiment.bounded(info.name)}
    given: list[dict[str, Any]] = [{}] * len(fit.seeds)
    if {"test", "validation"} & set(info.arguments):
        tested = data.splits(fit, test_point)
        trained = data.splits(fit, None) if "validation" in info.arguments else [{}] * len(tested)
        given = [a | b for a, b in zip(trained, tested, strict=True)]
    truth = experiment.scenario_at(fit.point, test_point)
    function = catalogue.function(info)
    iterations = [*experiment.recorded(info.name), None]
    found = []
    try:
        for seed, splits in zip(fit.seeds, given, strict=True):
            known = {"truth": in_seed(truth, seed), "n_train": fit.n_train}
            asked = {name: known[name] for name in info.arguments if name in known}
            place = str((info.name, fit.point, fit.n_train, test_point, known["truth"]))
            if splits or place not in exact:
                exact[place] = values(function, info.arguments, asked, [splits], iterations, marks)
            found.append(exact[place])
    except ValueError as error:
        raise UserError(f"bound {info.name} at {fit}: {error}") from error
    n, k = len(fit.seeds), len(iterations) * len(marks)
    columns = {
        "seed": np.repeat(np.array(fit.seeds), k),
        "iteration": np.tile(
            np.repeat([np.nan if one is None else one for one in iterations], len(marks)), n
        ),
        "metric": np.array(list(marks) * (n * len(iterations))),
        "n_parameters": np.zeros(n * k, dtype=int),
    }
    told = {name: np.concatenate([one[name] for one in found]) for name in found[0]}
    return arrays_to_bytes(columns | told)


def values(
    function: Callable[..., Any],
    arguments: Sequence[str],
    known: Mapping[str, Any],
    given: Sequence[Mapping[str, Any]],
    iterations: Sequence[int | None],
    marks: Mapping[str, Mapping[str, Any]],
) -> dict[str, np.ndarray]:
    """Return a bound for each seed, number of iterations, and metric, in this order, as columns.

    Args:
        function: the bound.
        arguments: names of what it asks for.
        known: what is the same for all seeds.
        given: the splits of each seed, empty where it asks for none: it is computed once then.
        iterations: numbers of iterations; None is the limit of many.
        marks: words of the decorator of each metric that it bounds.
    """
    rows: list[dict[str, Any]] = []
    exact: dict[int | None, list[dict[str, Any]]] = {}
    for of_seed in given:
        for iteration in iterations:
            if of_seed or iteration not in exact:
                every = {**known, **of_seed, "iteration": iteration}
                found = function(**{name: every[name] for name in arguments})
                # Of a bound, too, only the test signals are random, unless it reads others.
                grouped = bool(of_seed) and "validation" not in arguments
                exact[iteration] = [measured(found, m, grouped=grouped) for m in marks.values()]
            rows += exact[iteration]
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}
