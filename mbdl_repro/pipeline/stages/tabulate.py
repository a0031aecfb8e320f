"""Gather the rows of all methods and bounds, and summarize them over seeds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from mbdl_repro.pipeline.job import Job
from mbdl_repro.statistics.intervals import mean_interval
from mbdl_repro.store.files import arrays_to_bytes, table_to_bytes
from mbdl_repro.store.records import read_arrays, read_json, read_record, read_table


def tabulate(job: Job) -> None:
    """Write the rows of each seed, their summary with intervals, and the estimates to show."""
    experiment, store = job.experiment, job.store
    scores = [store.scores(experiment.name, label) for label in experiment.methods]
    tables = [read_table(path) for path in scores]
    if experiment.bounds:
        tables.append(read_table(store.bounds(experiment.name)))
    rows = long_table(tables)
    counted: set[str] = set()
    work = {label: _work(job, label, counted) for label in experiment.methods}
    kept = shown(
        [
            (label, place, read_arrays(store.examples(experiment.name, label)))
            for label, place in experiment.shown("examples")
        ],
        {label: _history(job, label) for label, _ in experiment.shown("history")},
    )
    job.save(
        {
            store.table(experiment.name): table_to_bytes(summarize(rows)),
            store.seed_rows(experiment.name): table_to_bytes(rows),
            store.shown(experiment.name): arrays_to_bytes(kept),
        },
        cost={label: cost for label, (cost, _) in work.items()},
        chosen={label: chosen for label, (_, chosen) in work.items() if chosen},
    )


def long_table(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return the rows of all methods, and then those of bounds, as one table."""
    return pd.concat(tables, ignore_index=True)


def summarize(rows: pd.DataFrame) -> pd.DataFrame:
    """Replace ``seed, value, standard_error`` by ``mean, ci_low, ci_high, n_seeds``."""
    per_seed = ["seed", "value", "standard_error"]
    same = [column for column in rows.columns if column not in per_seed]
    records = []
    for key, group in rows.groupby(same, sort=False, dropna=False):
        group = group.sort_values("seed")
        interval = mean_interval(group["value"].to_numpy(), group["standard_error"].to_numpy())
        records.append(
            dict(zip(same, key, strict=True))
            | {
                "mean": interval.mean,
                "ci_low": interval.low,
                "ci_high": interval.high,
                "n_seeds": interval.n,
            }
        )
    order = [*same]
    order[order.index("metric") + 1 : order.index("metric") + 1] = [
        "mean",
        "ci_low",
        "ci_high",
        "n_seeds",
    ]
    return pd.DataFrame(records)[order]


def shown(
    examples: Iterable[tuple[str, int, Mapping[str, np.ndarray]]],
    histories: Mapping[str, pd.DataFrame],
) -> dict[str, np.ndarray]:
    """Return what the figure shows besides the table, each array after its method's label.

    Args:
        examples: labels of methods, each with a place that is shown of it, counted from 0, and
            with what is stored of its first test signals at all places.
        histories: the training history of each method: rows of all seeds.
    """
    kept = {
        f"{label}/{name}": array
        for label, place, arrays in examples
        for name, array in arrays.items()
        if name.endswith(f"_{place}")
    }
    for label, history in histories.items():
        numbers = history.select_dtypes("number")
        kept |= {f"{label}/history_{name}": numbers[name].to_numpy(float) for name in numbers}
    return kept


def _history(job: Job, label: str) -> pd.DataFrame:
    """Return the training history of a method's fits: the rows of all seeds."""
    experiment, store = job.experiment, job.store
    parts = experiment.methods[label].jobs
    tables = [
        read_table(store.history(experiment.name, label, part, parts))
        for part in range(1, parts + 1)
    ]
    return pd.concat(tables, ignore_index=True)


def _work(
    job: Job, label: str, counted: set[str]
) -> tuple[dict[str, float], dict[str, dict[str, int]]]:
    """Return what the records of a method's fits and scores tell.

    Args:
        job: of this experiment.
        label: the method.
        counted: fits whose seconds another method has counted, with which this one shares them;
            its own are added.

    Returns:
        The seconds and megabytes that they took, and for each setting that is tuned how many fits
        chose which value.
    """
    experiment, store = job.experiment, job.store
    entry = experiment.methods[label]
    parts = range(1, entry.jobs + 1) if entry.has_fit else []
    indices = [store.model(experiment.name, label, part, entry.jobs) for part in parts]
    fitted = [read_record(index) or {} for index in indices]
    scored = read_record(store.scores(experiment.name, label)) or {}
    files = {fit["file"] for index in indices if index.is_file() for fit in read_json(index)}
    own = len(files - counted) / len(files) if files else 0.0
    counted |= files
    seconds = {
        "train_seconds": round(own * sum(record.get("fit_seconds", 0.0) for record in fitted), 3),
        "evaluate_seconds": scored.get("score_seconds", 0.0),
        "max_memory_mb": max(one.get("max_memory_mb", 0) for one in [*fitted, scored]),
    }
    chosen: dict[str, Counter[str]] = {name: Counter() for name in entry.tune}
    for record in fitted:
        for name, counts in record.get("chosen", {}).items():
            chosen[name].update(counts)
    return seconds, {name: dict(counts) for name, counts in chosen.items()}
