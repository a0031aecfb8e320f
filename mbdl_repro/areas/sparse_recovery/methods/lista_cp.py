"""LISTA-CP: LISTA with coupled weights, one matrix a layer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import Tensor

from mbdl_repro.areas.sparse_recovery.bases import CoupledLayers
from mbdl_repro.areas.sparse_recovery.scenario import SparseRecovery
from mbdl_repro.contract.method import Family


class ListaCp(CoupledLayers):
    """K steps of ISTA, each with a matrix and a threshold of its own, through the known H.

    s_{k+1} = T_{θ_k}(s_k + W_kᵀ(x − H s_k)),    k = 0, …, K − 1,    s_0 = 0

    A LISTA whose two matrices are coupled: a right estimate without noise is left in place. Every
    W_k starts at ``step`` · H and every θ_k at ``step`` · ρ, where the rule is K steps of ISTA.
    What is learned of θ_k is the logarithm, so that it stays positive, and of W_k = P V_k it is
    V_k, with a fixed P that makes all its directions about as fast to learn.

    Maps x (n, n_observations) to ŝ (n, m).

    Source: Chen, Liu, Wang and Yin, 2018; the monograph's Example 5.6 has LISTA.
    """

    name = "lista_cp"
    family = Family.UNFOLDED_OBJECTIVE
    parent = "ista"

    def __init__(self, belief: SparseRecovery, **settings: Any) -> None:
        super().__init__(belief, **settings)
        self.V = self.learned((self.step * self.H).repeat(self.iterations, 1, 1))

    def layers(self) -> Iterator[tuple[Tensor, float, int]]:
        """Yield V_k, and neither a step nor trusted entries."""
        return ((V, 1.0, 0) for V in self.V)
