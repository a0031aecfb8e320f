"""Federated averaging in which a client counts alike however many steps it takes."""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor

from mbdl_repro.areas.distributed.federation.base import Averaging
from mbdl_repro.contract.method import Family


class Fednova(Averaging):
    """FedNova: changes are divided by the steps that they took, and scaled up together.

    W ← W + τ Σ_k w_k (W_k − W)/τ_k,  τ = Σ_k w_k τ_k/Σ_k w_k,  w_k = N_k/M

    With as many steps of each client it is federated averaging.

    Maps x (n, M + q, d + C) to probabilities of the queries' classes (n, q, C).

    Source: Wang, Liu, Liang, Joshi and Poor, 2020, "Tackling the objective inconsistency problem".
    """

    name = "fednova"
    family = Family.MODEL_BASED

    def balanced(
        self, weights: Annotated[Tensor, "(n, K)"] | Tensor
    ) -> Annotated[Tensor, "(n, K)"] | Tensor:
        """Return w_k τ/τ_k, given weights (n, K) or (K,)."""
        steps = torch.tensor(self.local_steps).to(weights)
        total = weights.sum(-1, keepdim=True)
        mean = (weights * steps).sum(-1, keepdim=True) / torch.where(total > 0, total, 1.0)
        return weights * mean / steps
