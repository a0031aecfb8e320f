"""Federated averaging."""

from __future__ import annotations

from mbdl_repro.areas.distributed.federation.base import Averaging
from mbdl_repro.contract.method import Family


class Fedavg(Averaging):
    """Federated averaging: models count by how many examples they were learned from.

    W_k ← τ_k steps of size μ γᵗ from W on client k's examples,  W ← W + Σ_k (N_k/M) (W_k − W)

    Maps x (n, M + q, d + C) to probabilities of the queries' classes (n, q, C).

    Source: McMahan, Moore, Ramage, Hampson and Agüera y Arcas, 2017.
    """

    name = "fedavg"
    family = Family.MODEL_BASED
