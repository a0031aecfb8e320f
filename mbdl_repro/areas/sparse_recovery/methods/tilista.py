"""TiLISTA: LISTA with coupled weights, one matrix for all layers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import Tensor

from mbdl_repro.areas.sparse_recovery.bases import CoupledLayers
from mbdl_repro.areas.sparse_recovery.scenario import SparseRecovery
from mbdl_repro.areas.sparse_recovery.updates.layers import layerwise
from mbdl_repro.contract.method import Family


class Tilista(CoupledLayers):
    """K steps of ISTA with one learned matrix in all, and a step and threshold a layer.

    s_{k+1} = T_{θ_k}(s_k + γ_k Wᵀ(x − H s_k)),    k = 0, …, K − 1,    s_0 = 0

    LISTA-CP with tied weights. W starts at H, every γ_k at ``step`` and every θ_k at
    ``step`` · ρ, where the rule is K steps of ISTA. What is learned of γ_k and θ_k is the
    logarithm, so that they stay positive, and of W = P V it is V, with a fixed P that makes all
    its directions about as fast to learn.

    Maps x (n, n_observations) to ŝ (n, m).

    Source: Liu, Chen, Wang and Yin, 2019, section 2.
    """

    name = "tilista"
    family = Family.UNFOLDED_OBJECTIVE
    parent = "ista"

    def __init__(self, belief: SparseRecovery, **settings: Any) -> None:
        super().__init__(belief, **settings)
        self.V = self.learned(self.H)
        self.log_step = layerwise(self.iterations, self.step)

    def layers(self) -> Iterator[tuple[Tensor, Tensor, int]]:
        """Yield the one V, and γ_k."""
        return ((self.V, step, 0) for step in self.log_step.exp())
