"""What is measured of the estimates of agents."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from mbdl_repro.areas.distributed.scenario import DistributedLasso
from mbdl_repro.contract.measure import metric
from mbdl_repro.contract.scenario import Split


@metric(label="NMSE of an agent (dB)", decibels=True)
def nmse_db(
    estimate: Annotated[np.ndarray, "(n, P, N)"], split: Split, truth: DistributedLasso
) -> Annotated[np.ndarray, "(n,)"]:
    """Return ‖ŝ_p − s‖² / E‖s‖², a mean over the agents, of each row.

    Args:
        estimate: ŝ (n, P, N).
        split: the pairs (x, s) that it belongs to; s is (n, P, N).
        truth: the scenario that drew them; gives E‖s‖² = k.

    Returns:
        One value a row (n,), not in dB.

    Source: textbook.
    """
    return np.square(estimate - split.s).sum(2).mean(1) / truth.n_nonzeros


@metric(label="disagreement of agents (dB)", decibels=True)
def disagreement_db(
    estimate: Annotated[np.ndarray, "(n, P, N)"], split: Split, truth: DistributedLasso
) -> Annotated[np.ndarray, "(n,)"]:
    """Return ‖ŝ_p − mean of ŝ‖² / E‖s‖², a mean over the agents, of each row.

    Args:
        estimate: ŝ (n, P, N).
        split: the pairs (x, s) that it belongs to (not needed).
        truth: the scenario that drew them; gives E‖s‖² = k.

    Returns:
        One value a row (n,), not in dB.

    Source: textbook.
    """
    away = estimate - estimate.mean(1, keepdims=True)
    return np.square(away).sum(2).mean(1) / truth.n_nonzeros
