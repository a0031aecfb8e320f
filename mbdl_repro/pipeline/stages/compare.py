"""Compare experiments: a table in one unit, its figure, and the verdicts on its claims."""

from __future__ import annotations

from typing import Any

import matplotlib
import pandas as pd

matplotlib.use("agg")  # before pyplot: no screen is needed, and bytes are the same everywhere

from matplotlib import pyplot as plt

from mbdl_repro.comparisons.claims import decided
from mbdl_repro.comparisons.listed import known
from mbdl_repro.comparisons.reading import Comparison, load
from mbdl_repro.comparisons.sources import Sources
from mbdl_repro.figures.files import to_bytes
from mbdl_repro.figures.style import STYLES
from mbdl_repro.pipeline.job import Job
from mbdl_repro.pipeline.rows import rounded
from mbdl_repro.pipeline.stages.verify import COLUMNS
from mbdl_repro.pipeline.verbs import Book
from mbdl_repro.store.files import table_to_bytes
from mbdl_repro.store.paths import Store
from mbdl_repro.store.records import read_record, read_table


def compare(job: Job) -> None:
    """Write the table, the verdicts and the figure of a comparison."""
    name = str(job.task.comparison)
    store = job.store
    table, verdicts, images = compared(
        load(name), read(job.book, store, load(name)), store.figure_formats
    )
    figures = {store.figure(name, kind): image for kind, image in images.items()}
    tables = {store.comparison(name): table, store.verdicts(name): verdicts}
    job.save({path: table_to_bytes(one) for path, one in tables.items()} | figures)


def read(book: Book, store: Store, comparison: Comparison) -> Sources:
    """Read what a comparison is made of.

    Args:
        book: all experiments.
        store: where their rows lie.
        comparison: that asks for them.
    """
    taking_part = {name: experiment for name, experiment in book.items() if experiment.roles}
    seconds, operations = {}, {}
    for name, experiment in taking_part.items():
        costs: dict[str, Any] = (read_record(store.seed_rows(name)) or {}).get("cost", {})
        for label in experiment.methods:
            spent = costs.get(label, {}).get("train_seconds", 0.0)
            n_fits = sum(len(fit.seeds) for fit in experiment.fits(label))
            seconds[name, label] = spent / n_fits
        for row in read_table(store.operations(name)).itertuples():
            operations[name, row.method] = float(row.operations)
    names = dict.fromkeys([*taking_part, *comparison.spec.experiments])
    experiments = {name: known(book, name) for name in names}
    rows = {name: read_table(store.seed_rows(name)) for name in experiments}
    return Sources(experiments, rows, seconds, operations)


def compared(
    comparison: Comparison, sources: Sources, formats: tuple[str, ...]
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, bytes]]:
    """Return the table of a comparison, the verdicts on its claims, and its figure.

    Args:
        comparison: what is asked.
        sources: what it is made of.
        formats: kinds of file that the figure is written as.
    """
    table = _rounded(comparison.spec.summary(sources))
    found = decided(comparison, comparison.spec.measured(sources))
    verdicts = pd.DataFrame(found, columns=COLUMNS)
    return table, _rounded(verdicts), drawn(comparison, table, formats)


def drawn(
    comparison: Comparison, table: pd.DataFrame, formats: tuple[str, ...], style: str = "paper"
) -> dict[str, bytes]:
    """Draw the figure of a comparison, from its table alone.

    Args:
        comparison: says how.
        table: as it is stored.
        formats: kinds of file that it is written as: ``png``, ``pdf``, ``svg``.
        style: what it is for: ``paper`` or ``talk``.

    Returns:
        The bytes of the figure, by kind of file.
    """
    with plt.rc_context(STYLES[style]):
        figure = comparison.spec.draw(table)
        images = {kind: to_bytes(figure, kind) for kind in formats}
        plt.close(figure)
    return images


def _rounded(table: pd.DataFrame) -> pd.DataFrame:
    numbers = table.select_dtypes("float").columns
    return table.assign(**{name: table[name].map(rounded) for name in numbers})
