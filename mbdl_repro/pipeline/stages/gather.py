"""Gather the verdicts of all experiments into one table."""

from __future__ import annotations

import pandas as pd

from mbdl_repro.pipeline.job import Job, run
from mbdl_repro.store.artifacts import read_table, table_to_bytes


def gather(job: Job) -> None:
    """Write the verdicts of all experiments, in the book's order."""
    tables = [read_table(job.store.verdicts(name)) for name in job.experiments]
    table = pd.concat(tables, ignore_index=True)
    job.save({job.store.verdicts(): table_to_bytes(table)})


if __name__ == "__main__":
    run("gather", gather)
