"""Methods on one scenario: fitted and measured on the same data in every seed, with intervals."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from mbdl_repro import catalogue
from mbdl_repro.contract.family import Family
from mbdl_repro.contract.method import Method
from mbdl_repro.contract.scenario import Scenario, Split, in_seed
from mbdl_repro.face.arguments import sizes_of, stop_unless_known, stop_unless_positive
from mbdl_repro.face.candidates import Candidate, Conditions, labelled
from mbdl_repro.face.compared import Compared
from mbdl_repro.face.pairs import missing_in, never_fitted, stop_unless_finite
from mbdl_repro.learning.recipe import Recipe
from mbdl_repro.learning.training import Report
from mbdl_repro.pipeline.rows import WITHOUT
from mbdl_repro.pipeline.stages.bound import values as bound_values
from mbdl_repro.pipeline.stages.evaluate import score
from mbdl_repro.pipeline.stages.summarize import summary_of
from mbdl_repro.statistics.relations import Scale, scale_of

COLUMNS = [
    "method",
    "family",
    "n_parameters",
    "seed",
    "iteration",
    "metric",
    "value",
    "standard_error",
    "n_test",
]
"""Of the rows of seeds, before those of values without groups of test signals."""


def compare(
    methods: Mapping[str, Any] | Iterable[Any],
    scenario: Scenario,
    *,
    metrics: Sequence[str] | None = None,
    bounds: Sequence[str] = (),
    belief: Scenario | None = None,
    n_train: int | Sequence[int] = 1000,
    n_validation: int = 500,
    n_test: int = 1000,
    seeds: int = 5,
    recipe: Recipe | None = None,
    report: Report | None = None,
) -> Compared:
    """Fit methods in every seed, measure them on the same test signals, and return a table.

    A seed is one whole repetition: training, validation and test pairs of its own, its own choice
    of settings, and its own initial weights. Data and fits are those that an experiment of the
    same scenario, seeds and recipe would have.

    Args:
        methods: each a class that derives from ``Method``, a :class:`Candidate`, a method that is
            built and fitted already, or a function of one's own, which maps an array of
            observations (n, ...) to one of estimates (n, ...); in a mapping by their labels, or in
            a list, where they are called as they call themselves.
        scenario: the truth, which the data are drawn from.
        metrics: names of metrics of its area; ``None``: the first.
        bounds: names of bounds of its area, which stand in the table, too.
        belief: what the methods assume; ``None``: the truth.
        n_train: training pairs of each seed; or several numbers of them, for each of which what
            learns is fitted: the table then has a column ``n_train``, 0 where none are looked at.
        n_validation: pairs that choose settings, and the step of the training that is kept.
        n_test: test pairs.
        seeds: how many repetitions there are.
        recipe: how methods are trained that say nothing else; ``None``: by its defaults.
        report: called with (fraction done, message); ``None``: a line on the terminal.

    Returns:
        A :class:`Compared`, which prints as a table; ``against`` compares in pairs.

    Raises:
        ValueError: an argument that is not allowed, and what is.
    """
    known = catalogue.metrics(scenario.area)
    metrics = metrics or list(known)[:1]
    stop_unless_known("metrics", metrics, known)
    stop_unless_known("bounds", bounds, catalogue.bounds(scenario.area))
    train_sizes = sizes_of(n_train)
    for name, n in (("n_validation", n_validation), ("n_test", n_test), ("seeds", seeds)):
        stop_unless_positive(name, n)
    conditions = Conditions(scenario, belief or scenario, recipe or Recipe(), report or _line)
    listed = labelled(methods)
    for label, one in listed.items():
        _stop_if_never_fitted(label, one)
    sizes = {"train": max(train_sizes), "validation": n_validation, "test": n_test}
    learns = any(isinstance(one, Candidate) and one.is_fitted for one in listed.values())
    if not learns:
        sizes["train"] = 1  # which nobody looks at
    rows: list[dict[str, Any]] = []
    chosen: dict[str, list[dict[str, Any]]] = {}
    for seed in range(seeds):
        splits = _drawn(scenario, seed, sizes)
        for i, (label, one) in enumerate(listed.items()):
            done = (seed * len(listed) + i) / (seeds * len(listed))
            conditions.report(done, f"{label}, seed {seed + 1} of {seeds}")
            found, settings = _at_sizes(label, one, conditions, seed, splits, metrics, train_sizes)
            rows += found
            if settings:
                chosen.setdefault(label, []).extend(settings)
        for name in bounds:
            rows += _bounds_at_sizes(name, scenario, seed, train_sizes, splits, metrics)
    conditions.report(1.0, "done")
    scales = {name: scale_of(known[name].marks) for name in metrics}
    return _compared(rows, chosen, scales, several=len(train_sizes) > 1)


def _drawn(scenario: Scenario, seed: int, sizes: Mapping[str, int]) -> dict[str, Split]:
    """Return the pairs of a seed, in each split as many as its size says."""
    splits = {name: scenario.draw(n, name, seed) for name, n in sizes.items()}
    for name, split in splits.items():
        stop_unless_finite(f"{name} pairs of seed {seed}", split)
    return splits


def _at_sizes(
    label: str,
    one: Candidate | Method,
    conditions: Conditions,
    seed: int,
    splits: Mapping[str, Split],
    metrics: Sequence[str],
    train_sizes: Sequence[int],
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the rows of a method in a seed, fitted to each size, and the settings chosen."""
    fitted = isinstance(one, Candidate) and one.is_fitted
    rows, chosen = [], []
    for n in train_sizes if fitted else (0,):
        here = {**splits, "train": splits["train"].first(n)} if fitted else splits
        try:
            found, settings = _measured(label, one, conditions, seed, here, metrics)
        except (RuntimeError, ValueError) as error:
            if words := missing_in(here["train"].x):
                raise ValueError(
                    f"{label}, seed {seed}: of its training pairs {words}, which it may not take: "
                    f"{error}"
                ) from error
            raise
        rows += [{"n_train": n, **row} for row in found]
        chosen += [settings] if settings else []
    return rows, chosen


def _bounds_at_sizes(
    name: str,
    scenario: Scenario,
    seed: int,
    train_sizes: Sequence[int],
    splits: Mapping[str, Split],
    metrics: Sequence[str],
) -> list[dict[str, Any]]:
    """Return the rows of a bound in a seed: of one that depends on it, at each size."""
    info = catalogue.bounds(scenario.area)[name]
    sizes = train_sizes if "n_train" in info.arguments else (0,)
    return [
        {"n_train": n, **row}
        for n in sizes
        for row in _bounded(name, scenario, seed, n, splits, metrics)
    ]


def _measured(
    label: str,
    one: Candidate | Method,
    conditions: Conditions,
    seed: int,
    splits: Mapping[str, Split],
    metrics: Sequence[str],
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return the rows of a method in a seed, and the settings that it chose there."""
    infos = catalogue.metrics(conditions.truth.area)
    settings: dict[str, Any] = {}
    # What is neither fitted nor tuned here differs from seed to seed by its test signals alone.
    fixed = isinstance(one, Method)
    if isinstance(one, Candidate):
        fixed = not (one.tune or one.is_fitted)
        one, settings = conditions.fitted(label, one, seed, splits)
    _stop_unless_alike(label, one, splits["test"].first(2))
    columns = score(
        {seed: one.eval()},
        [splits["test"]],
        conditions.truth,
        {name: (catalogue.function(infos[name]), infos[name]) for name in metrics},
        [],
        "cpu",
        [None],
        grouped=fixed,
    )
    if not columns:
        raise ValueError(f"{label} has none of the metrics {', '.join(metrics)}")
    columns = {name: column for name, column in columns.items() if "/" not in name}
    return _as_rows(label, one.family, columns), settings


def _bounded(
    name: str,
    scenario: Scenario,
    seed: int,
    n_train: int,
    splits: Mapping[str, Split],
    metrics: Sequence[str],
) -> list[dict[str, Any]]:
    """Return the rows of a bound in a seed."""
    info, infos = catalogue.bounds(scenario.area)[name], catalogue.metrics(scenario.area)
    marks = {m: infos[m].marks for m in metrics if m in info.marks["metrics"]}
    if not marks:
        raise ValueError(
            f"bounds: {name} bounds {' and '.join(info.marks['metrics'])}, and metrics are "
            f"{', '.join(metrics)}"
        )
    known = {"truth": in_seed(scenario, seed), "n_train": n_train}
    given: dict[str, Any] = {
        key: splits[key] for key in ("test", "validation") if key in info.arguments
    }
    function = catalogue.function(info)
    found = bound_values(function, info.arguments, known, [given], [None], marks)
    fixed = {"seed": seed, "iteration": np.nan, "n_parameters": 0}
    columns = {key: np.full(len(marks), value) for key, value in fixed.items()}
    return _as_rows(name, Family.BOUND, columns | {"metric": np.array(list(marks))} | found)


def _as_rows(label: str, family: Family, columns: Mapping[str, np.ndarray]) -> list[dict[str, Any]]:
    """Return measured columns as rows of the long table."""
    columns = dict(columns)
    without = columns.pop("without", None)
    if without is not None:
        columns |= dict(zip(WITHOUT, without.T, strict=True))
    names, values = list(columns), (column.tolist() for column in columns.values())
    return [
        {"method": label, "family": family.title, **dict(zip(names, row, strict=True))}
        for row in zip(*values, strict=True)
    ]


def _compared(
    rows: list[dict[str, Any]],
    chosen: Mapping[str, list[dict[str, Any]]],
    scales: Mapping[str, Scale],
    *,
    several: bool,
) -> Compared:
    import pandas as pd

    columns = ["n_train", *COLUMNS] if several else COLUMNS
    of_seeds = pd.DataFrame(rows).reindex(columns=[*columns, *WITHOUT])
    table = summary_of(of_seeds.drop(columns="iteration"), scales)
    return Compared(table, of_seeds, chosen, scales)


def _stop_unless_alike(label: str, method: Method, few: Split) -> None:
    """Refuse a method whose estimates have another shape than the signals."""
    shape = np.shape(method.estimate(few.x))
    if shape != np.shape(few.s):
        raise ValueError(
            f"{label} makes estimates of shape {shape} from observations of shape "
            f"{np.shape(few.x)}: the signals have the shape {np.shape(few.s)}"
        )


def _stop_if_never_fitted(label: str, one: Candidate | Method) -> None:
    """Refuse an instance of a method that learns, and was not fitted."""
    if isinstance(one, Method) and never_fitted(one):
        name = type(one).__name__
        raise ValueError(
            f"{label} is a {name} that was never fitted: give Candidate({name}, setting=value), "
            "which is fitted in every seed; or fit it before; or, if its weights are as they "
            f"should be, as in a copy, its estimate alone: {{{label!r}: method.estimate}}"
        )


def _line(fraction: float, message: str) -> None:
    """Show how far a comparison is, in one line, where a person looks on."""
    if sys.stderr.isatty():
        end = "\n" if fraction == 1 else ""
        print(f"\r{100 * fraction:3.0f} % {message:60.60}", end=end, file=sys.stderr, flush=True)
