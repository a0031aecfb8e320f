"""Count the operations of an estimate of each method that takes part in comparisons."""

from __future__ import annotations

from typing import Any

import torch

from mbdl_repro.contract.scenario import in_seed
from mbdl_repro.experiments.experiment import Experiment
from mbdl_repro.learning.operations import operations_an_estimate
from mbdl_repro.pipeline.job import Job
from mbdl_repro.pipeline.models import build
from mbdl_repro.pipeline.rows import rounded
from mbdl_repro.pipeline.weights import main_fit
from mbdl_repro.store.files import table_to_bytes

N_SIGNALS = 5
"""Of which the first is the one more that others are compared with."""


def count(job: Job) -> None:
    """Write how many operations an estimate takes, by method."""
    rows = []
    for i, label in enumerate(job.experiment.methods):
        job.progress(i / len(job.experiment.methods), label)
        rows.append(counted(job.experiment, label))
    job.save({job.store.operations(job.experiment.name): table_to_bytes(rows)})


def counted(experiment: Experiment, label: str) -> dict[str, Any]:
    """Return the operations of one more estimate of a method, as it is built, before any fit.

    Settings that are tuned are in the middle of what is tried.

    Args:
        experiment: that it is part of.
        label: the method.
    """
    entry, fit = experiment.methods[label], main_fit(experiment, label)
    tuned = {name: values[len(values) // 2] for name, values in entry.tune.items()}
    belief = in_seed(experiment.belief_at(label, fit.point), 0)
    method = build(entry, belief, entry.settings_at(fit.depth) | tuned, "cpu").eval()
    x = torch.as_tensor(experiment.scenario_at(fit.point).draw(N_SIGNALS, "operations").x)
    return {"method": label, "operations": rounded(operations_an_estimate(method, x), 4)}
