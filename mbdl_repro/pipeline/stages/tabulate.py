"""Gather the rows of all methods and bounds, and keep what is small beside them.

What stays when the scores and the fits are gone: the rows of each seed, what the figure shows
besides, the training histories in short, and weights. It stands on all that these come from;
what is made of the rows stands on them alone, so that no other statistic asks for new fits.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from mbdl_repro.pipeline.job import Job
from mbdl_repro.pipeline.rows import WITHOUT, groups_of, rounded
from mbdl_repro.pipeline.weights import kept, weights_to_bytes
from mbdl_repro.store.files import arrays_to_small_bytes, table_to_bytes
from mbdl_repro.store.records import read_arrays, read_json, read_record, read_table

DIGITS = {"value": 8, "standard_error": 3}
"""Digits of what rows hold."""

COMMON = ("x", "s", "grey_x", "grey_s")
"""What methods have in common where they are shown the same test signals."""

MOST_STEPS = 25
"""Rows of a fit's training history that are kept."""

MOST_SEEDS = 10
"""Seeds whose training histories are kept: the first ones."""

STEP = ["step", "train_loss", "validation_loss"]


def tabulate(job: Job) -> None:
    """Write the rows of each seed, and what is kept beside them."""
    experiment, store = job.experiment, job.store
    scores = [store.scores(experiment.name, label) for label in experiment.methods]
    tables = [read_table(path) for path in scores]
    if experiment.bounds:
        tables.append(read_table(store.bounds(experiment.name)))
    rows = long_table(tables)
    counted: set[str] = set()
    work = {label: _work(job, label, counted) for label in experiment.methods}
    panels = experiment.panels_of_examples
    examples = {
        label: read_arrays(store.examples(experiment.name, label))
        for label in sorted({label for panel in panels for label in panel.methods})
    }
    trained = histories({label: _history(job, label) for label in experiment.learned})
    weights = {label: kept(experiment, label, store, job.device) for label in experiment.learned}
    job.save(
        {
            store.seed_rows(experiment.name): table_to_bytes(of_seeds(rows)),
            store.groups(experiment.name): arrays_to_small_bytes(groups_of(rows)),
            store.shown(experiment.name): arrays_to_small_bytes(shown(panels, examples)),
            store.histories(experiment.name): table_to_bytes(trained),
            store.weights(experiment.name): weights_to_bytes(weights),
        },
        cost={label: cost for label, (cost, _) in work.items()},
        chosen={label: chosen for label, (_, chosen) in work.items() if chosen},
    )


def long_table(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return the rows of all methods, and then those of bounds, as one table."""
    return pd.concat(tables, ignore_index=True)


def of_seeds(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of each seed without values of groups, which are kept apart.

    Numbers are rounded to :data:`DIGITS`.

    Args:
        rows: of all seeds.
    """
    measured = {
        name: rows[name].map(partial(rounded, digits=digits)) for name, digits in DIGITS.items()
    }
    return rows.drop(columns=[name for name in WITHOUT if name in rows]).assign(**measured)


def shown(
    panels: Sequence[Any], examples: Mapping[str, Mapping[str, np.ndarray]]
) -> dict[str, np.ndarray]:
    """Return what a figure's panels show of examples, each array after its method's label.

    Signals and observations, which methods have in common, come once, without a label; examples
    after the last that is shown do not.

    Args:
        panels: those that show examples.
        examples: what is stored of each method's first test signals, at all places.
    """
    n = max((panel.n_examples for panel in panels), default=0)
    few = {
        label: {name: array[:n] for name, array in arrays.items()}
        for label, arrays in examples.items()
    }
    found: dict[str, np.ndarray] = {}
    for panel in panels:
        for label in panel.methods:
            for name, array in panel.kept(few[label], label).items():
                common = name.rpartition("_")[0] in COMMON
                if not (common and np.array_equal(found.setdefault(name, array), array)):
                    found[f"{label}/{name}"] = array
    return found


def histories(full: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return the training histories of methods, in short, as one table.

    Those of the first :data:`MOST_SEEDS` seeds are kept. Of a fit with more than
    :data:`MOST_STEPS` rows, as many are: the first, the last, that of the least validation loss,
    and others evenly between. Losses are rounded to five digits. A fit in closed form takes no
    steps, and is left out.

    Args:
        full: the rows of all fits of each method, by its label.
    """
    fits = [
        thinned(fit).assign(method=label)
        for label, rows in full.items()
        if "step" in rows
        for _, fit in rows[rows["seed"] < MOST_SEEDS].groupby(
            _places(rows), sort=False, dropna=False
        )
        if len(fit) > 1
    ]
    if not fits:
        return pd.DataFrame(columns=["method", "n_train", "seed", "settings", *STEP])
    together = pd.concat(fits, ignore_index=True)
    last = [name for name in ("iterations", "seed", "settings") if name in together]
    points = [name for name in _places(together) if name not in ("method", *last)]
    return together[["method", *points, *last, *STEP]]


def _places(history: pd.DataFrame) -> list[str]:
    """Return the columns that tell fits apart."""
    return [column for column in history.columns if column not in STEP]


def thinned(history: pd.DataFrame) -> pd.DataFrame:
    """Return at most :data:`MOST_STEPS` rows of a fit's history (see :func:`histories`).

    Args:
        history: in the order of its steps.
    """
    n = len(history)
    if n > MOST_STEPS:
        evenly = np.linspace(0, n - 1, MOST_STEPS - 1).round().astype(int)
        best = int(history["validation_loss"].to_numpy().argmin())
        history = history.iloc[sorted({*evenly.tolist(), best})]
    losses = [column for column in STEP if column != "step"]
    return history.assign(
        **{name: history[name].map(partial(rounded, digits=5)) for name in losses}
    )


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
