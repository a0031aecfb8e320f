"""Gather the verdicts of all experiments into one table."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from mbdl_repro.comparisons.reading import names
from mbdl_repro.pipeline.job import Job
from mbdl_repro.statistics.false_discoveries import q_values
from mbdl_repro.store.files import table_to_bytes
from mbdl_repro.store.records import read_table


def gather(job: Job) -> None:
    """Write the verdicts of all experiments, in the book's order, and then of all comparisons."""
    tables = [read_table(job.store.verdicts(name)) for name in (*job.book, *names())]
    job.save({job.store.verdicts(): table_to_bytes(gathered(tables))})


def gathered(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return the verdicts of several experiments as one table, with q-values of all together."""
    together = pd.concat(tables, ignore_index=True)
    if "p" not in together:
        return together
    q = [float(f"{value:.3g}") for value in q_values(together["p"])]
    together.insert(together.columns.get_loc("p") + 1, "q", q)
    return together
