"""Measure a method on the test signals of every seed."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mbdl_repro import catalogue
from mbdl_repro.catalogue import FunctionInfo
from mbdl_repro.contract.capabilities import HasEncoding, HasIllustrations
from mbdl_repro.contract.method import IterativeMethod, Method
from mbdl_repro.contract.scenario import Scenario, Split
from mbdl_repro.contract.table import N_EXAMPLES, Point
from mbdl_repro.errors import UserError
from mbdl_repro.experiments import specs
from mbdl_repro.experiments.experiment import Experiment, Fit, MethodEntry
from mbdl_repro.pipeline.caches import encoding_cache, score_cache
from mbdl_repro.pipeline.job import Job
from mbdl_repro.pipeline.models import Models, to_device
from mbdl_repro.pipeline.rows import measured, rows_of
from mbdl_repro.store.files import arrays_from_bytes, arrays_to_bytes, table_to_bytes

_EXAMPLE = "example/"
"""What the names of examples begin with in a cache entry."""


def evaluate(job: Job) -> None:
    """Score each block of seeds, storing it at once; write the rows and a few estimates."""
    assert job.method is not None
    experiment, label = job.experiment, job.method
    entry = experiment.methods[label]
    models = Models(experiment, label, job.store, job.device)
    cache = score_cache(experiment, label, job.store, job.device)
    work = experiment.scorings(label)
    found = []
    seconds = 0.0
    for i, (fit, test_point) in enumerate(work):
        job.progress(i / len(work), f"{i} of {len(work)} scored ({fit})")
        key = cache.key(specs.score_spec(experiment, label, fit, test_point))
        try:
            content, _ = cache.get(key, partial(_scored, experiment, models, fit, test_point))
        except ValueError as error:
            if not test_point:
                raise
            at = ", ".join(f"{field} = {value}" for field, value in test_point.items())
            raise UserError(f"{label}: {error}: leave it out of a test at {at}") from error
        seconds += cache.seconds.get(key, 0.0)
        found.append((fit, test_point, arrays_from_bytes(content)))
    rows, examples = gathered(entry, found)
    job.save(
        {
            job.store.scores(experiment.name, label): table_to_bytes(rows),
            job.store.examples(experiment.name, label): arrays_to_bytes(examples),
        },
        n_entries=len(work),
        score_seconds=round(seconds, 3),
    )


def gathered(
    entry: MethodEntry,
    found: Iterable[tuple[Fit, Point, dict[str, np.ndarray]]],
) -> tuple[list[dict[str, Any]], dict[str, np.ndarray]]:
    """Return all scores of a method as rows of the long table, and the estimates that are kept.

    Args:
        entry: the method's line in the experiment.
        found: of each scoring the fit, the point that it was tested at, and what :func:`score`
            returned.
    """
    rows: list[dict[str, Any]] = []
    examples: dict[str, np.ndarray] = {}
    places: dict[str, int] = {}
    for fit, test_point, arrays in found:
        if fit.seeds[0] == 0:
            place = places.setdefault(str((fit.point, fit.n_train, test_point)), len(places))
            examples |= {
                f"{name.removeprefix(_EXAMPLE)}_{place}": array
                for name, array in arrays.items()
                if name.startswith(_EXAMPLE)
            }
        columns = {n: column for n, column in arrays.items() if not n.startswith(_EXAMPLE)}
        if fit.depth and fit.depth != entry.depths[-1]:
            # The answer of the method is that of its last fit.
            kept = ~np.isnan(columns["iteration"])
            columns = {name: column[kept] for name, column in columns.items()}
        rows += rows_of(fit, test_point, entry.label, columns)
    return rows, examples


def _scored(experiment: Experiment, models: Models, fit: Fit, test_point: Point) -> bytes:
    """Return the block's rows as columns, and the first seed's first estimates."""
    label = models.entry.label
    infos = catalogue.metrics(experiment.area)
    tests = [one["test"] for one in models.data.splits(fit, test_point)]
    methods = models.load(fit)
    columns = score(
        dict(zip(fit.seeds, methods, strict=True)),
        tests,
        experiment.scenario_at(fit.point, test_point),
        {name: (catalogue.function(infos[name]), infos[name]) for name in experiment.metrics},
        experiment.recorded(label, fit),
        models.device,
        _encodings(experiment, models, fit, test_point, methods, tests),
        grouped=not models.entry.has_fit,
    )
    if not columns:
        raise UserError(f"{label}: it has none of {', '.join(experiment.metrics)}")
    return arrays_to_bytes(columns)


def _encodings(
    experiment: Experiment,
    models: Models,
    fit: Fit,
    test_point: Point,
    methods: Sequence[Method],
    tests: Sequence[Split],
) -> list[Tensor | None]:
    """Return what each seed's fit makes of its test signals, made once for all that decode it.

    None where nobody else in the experiment does, or an answer has no such parts.
    """
    label = models.entry.label
    spec = specs.encoding_spec(experiment, label, fit, test_point)
    sharers = [
        other
        for other, entry in experiment.methods.items()
        if entry.info == models.entry.info
        and specs.encoding_spec(experiment, other, fit, test_point) == spec
    ]
    if len(sharers) == 1 or not all(isinstance(method, HasEncoding) for method in methods):
        return [None] * len(methods)

    def make() -> bytes:
        with torch.no_grad():
            made = [
                method.encoding(to_device(test, models.device).x).cpu().numpy()
                for method, test in zip(methods, tests, strict=True)
                if isinstance(method, HasEncoding)
            ]
        return arrays_to_bytes({"encodings": np.stack(made)})

    cache = encoding_cache(experiment, label, models.store, models.device)
    content, _ = cache.get(cache.key(spec), make)
    return list(torch.as_tensor(arrays_from_bytes(content)["encodings"]).to(models.device))


def score(
    methods: Mapping[int, Method],
    tests: Sequence[Split],
    truth: Scenario,
    metrics: Mapping[str, tuple[Callable[..., Any], FunctionInfo]],
    trace: Sequence[int],
    device: str,
    encodings: Sequence[Tensor | None],
    *,
    grouped: bool,
) -> dict[str, np.ndarray]:
    """Measure the methods of a block of seeds on their test signals.

    Args:
        methods: of each seed, on ``device``.
        tests: the test signals of each seed, NumPy arrays, batch first.
        truth: the scenario that they were drawn from.
        metrics: functions, and what the catalogue knows of them, by name.
        trace: iterations whose estimates are measured too.
        device: as torch names it.
        encodings: what each seed's method decodes, if that has been made already.
        grouped: whether the methods differ by their test signals alone, so that values without
            groups of these are told, too.

    Returns:
        Rows as columns, and what is kept of the first seed's first signals; empty where the
        methods have none of the metrics.
    """
    rows: list[dict[str, Any]] = []
    examples: dict[str, np.ndarray] = {}
    for (seed, method), test, encoding in zip(methods.items(), tests, encodings, strict=True):
        n_parameters = sum(p.numel() for p in method.parameters() if p.requires_grad)
        x = to_device(test, device).x
        for iteration, estimate in _estimates(method, x, trace, encoding):
            known = {"estimate": estimate, "split": test, "truth": truth, "method": method}
            for name, (function, info) in metrics.items():
                if "estimate" not in info.arguments and not np.isnan(iteration):
                    continue  # of the method itself, whatever its iterations
                values = function(**{argument: known[argument] for argument in info.arguments})
                if values is not None:
                    rows.append(
                        {
                            "seed": seed,
                            "iteration": iteration,
                            "metric": name,
                            **measured(values, info.marks, grouped=grouped),
                            "n_parameters": n_parameters,
                        }
                    )
        if not examples:
            few = test.first(N_EXAMPLES)
            shown = {"x": few.x, "s": few.s, "estimate": estimate[:N_EXAMPLES]}
            shown |= _illustrations(method, to_device(few, device).x)
            examples = {f"{_EXAMPLE}{name}": array for name, array in shown.items()}
    if not rows:
        return {}
    return {name: np.array([row[name] for row in rows]) for name in rows[0]} | examples


def _illustrations(method: Method, x: Tensor) -> dict[str, np.ndarray]:
    """Return what else a method shows of a few signals: spectra, roots, where it has such."""
    if not isinstance(method, HasIllustrations):
        return {}
    with torch.no_grad():
        return {name: t.cpu().numpy() for name, t in method.illustrations(x).items()}


def _estimates(
    method: Method, x: Tensor, trace: Sequence[int], encoding: Tensor | None = None
) -> Iterator[tuple[float, np.ndarray]]:
    """Yield (iteration, estimates) where they are recorded, and last (NaN, the answer)."""
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
        elif encoding is not None and isinstance(method, HasEncoding):
            estimate = method.decoded(encoding)
        else:
            estimate = method(x)
    yield np.nan, estimate.cpu().numpy()
