"""The network of rectifiers that ISTA's network is held against: as deep, wide and free."""

from __future__ import annotations

from typing import Annotated, Any

import torch
from torch import Tensor, nn

from mbdl_repro.areas.sparse_recovery.free_layers import FreeLayers
from mbdl_repro.areas.sparse_recovery.scenario import SparseRecovery
from mbdl_repro.contract.method import Family


class ReluNetwork(FreeLayers):
    """Layers that end in a rectifier, and a linear map of the last one to signed answers.

    s_{k+1} = max(W_k x + S_k s_k, 0),    ŝ = A s_K

    A starts as the identity.

    Maps x (n, n_observations) to ŝ (n, m).

    Source: Shultzman, Azar, Rodrigues and Eldar, 2023, for the comparison.
    """

    name = "relu_network"
    family = Family.DEEP_LEARNING
    is_odd = False

    def __init__(self, belief: SparseRecovery, **settings: Any) -> None:
        super().__init__(belief, **settings)
        self.A = nn.Parameter(torch.eye(belief.n_signal, dtype=torch.float64))

    def activation(self, z: Tensor) -> Tensor:
        """Return what of z is positive."""
        return z.relu()

    def answer(self, s: Tensor) -> Annotated[Tensor, "(n, m)"]:
        """Return A s (n, m)."""
        return s @ self.A.mT

    def answer_factor(self, c: float) -> float:
        """Return c ‖A‖_∞."""
        return c * self.A.abs().sum(1).max().item()
