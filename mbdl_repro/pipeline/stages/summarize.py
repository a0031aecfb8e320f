"""Summarize the rows of seeds: means with confidence intervals."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from mbdl_repro.contract.family import Family
from mbdl_repro.experiments.experiment import Experiment
from mbdl_repro.pipeline.job import Job
from mbdl_repro.pipeline.rows import WITHOUT, repetitions_in, rounded, with_groups
from mbdl_repro.statistics.intervals import mean_interval
from mbdl_repro.statistics.relations import Scale
from mbdl_repro.store.files import table_to_bytes
from mbdl_repro.store.records import read_arrays, read_table

PER_SEED = ["seed", "value", "standard_error"]
"""Columns in whose place the summary has those of :data:`OVER_SEEDS`."""

OVER_SEEDS = ["mean", "ci_low", "ci_high", "n_seeds"]


def summarize(job: Job) -> None:
    """Write the summary of an experiment."""
    experiment, store = job.experiment, job.store
    rows = read_table(store.seed_rows(experiment.name))
    rows = with_groups(rows, read_arrays(store.groups(experiment.name)))
    summary = described(summary_of(rows, experiment.scales), experiment)
    job.save({store.table(experiment.name): table_to_bytes(summary)})


def summary_of(rows: pd.DataFrame, scales: Mapping[str, Scale]) -> pd.DataFrame:
    """Replace ``seed, value, standard_error`` by ``mean, ci_low, ci_high, n_seeds``.

    Args:
        rows: the long table, a row a seed, with the values without groups of test signals.
        scales: how values of each metric compare, by its name.
    """
    same = [column for column in rows.columns if column not in (*PER_SEED, *WITHOUT)]
    records = []
    for key, of_place in rows.groupby(same, sort=False, dropna=False):
        of_place = of_place.sort_values("seed")
        interval = mean_interval(
            of_place["value"].to_numpy(),
            of_place["standard_error"].to_numpy(),
            scale=scales[of_place["metric"].iloc[0]],
            without=repetitions_in(of_place),
        )
        found = map(rounded, (interval.mean, interval.low, interval.high))
        records.append([*key, *found, interval.n])
    at = same.index("metric") + 1
    table = pd.DataFrame(records, columns=[*same, *OVER_SEEDS])
    return table[[*same[:at], *OVER_SEEDS, *same[at:]]]


def described(summary: pd.DataFrame, experiment: Experiment) -> pd.DataFrame:
    """Return the summary with what is the same for all rows of a method or bound.

    Args:
        summary: by the names of methods and bounds.
        experiment: that they belong to.
    """
    families = {label: entry.info.family for label, entry in experiment.methods.items()}
    families |= dict.fromkeys(experiment.bounds, Family.BOUND)
    beliefs = {label: entry.belief for label, entry in experiment.methods.items()}
    table = summary.copy()
    at = table.columns.get_loc("method") + 1
    table.insert(at, "belief", table["method"].map(lambda label: beliefs.get(label, "full")))
    table.insert(at, "family", table["method"].map(lambda label: families[label].title))
    table.insert(0, "scenario", experiment.scenario_name)
    table.insert(0, "experiment", experiment.name)
    return table
