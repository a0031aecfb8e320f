"""What is measured of the estimates of agents, and of answers to queries."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from mbdl_repro.areas.distributed.scenario import DistributedLasso
from mbdl_repro.areas.distributed.systems.federated_clients import FederatedClients
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


@metric(label="cross entropy of a query (nats)")
def cross_entropy(
    estimate: Annotated[np.ndarray, "(n, q, C)"], split: Split, truth: FederatedClients
) -> Annotated[np.ndarray, "(n,)"]:
    """Return −log of the probability that was given to the true class, a mean over the queries.

    Probabilities are taken as 1e-15 where they are less.

    Args:
        estimate: probabilities (n, q, C).
        split: the pairs (x, s) that it belongs to; s is (n, q, C).
        truth: the scenario that drew them (not needed).

    Returns:
        One value a row (n,).

    Source: textbook.
    """
    given = np.clip((estimate * split.s).sum(2), 1e-15, 1)
    nats: np.ndarray = -np.log(given).mean(1)
    return nats


@metric(label="share of queries that are answered wrongly")
def error_rate(
    estimate: Annotated[np.ndarray, "(n, q, C)"], split: Split, truth: FederatedClients
) -> Annotated[np.ndarray, "(n,)"]:
    """Return the share of queries of each row whose likeliest class is not the true one.

    Args:
        estimate: probabilities (n, q, C).
        split: the pairs (x, s) that it belongs to; s is (n, q, C).
        truth: the scenario that drew them (not needed).

    Returns:
        One value a row (n,); NaN where there is no answer.

    Source: textbook.
    """
    wrong = estimate.argmax(2) != split.s.argmax(2)
    return np.where(np.isnan(estimate).any(2), np.nan, wrong).mean(1)
