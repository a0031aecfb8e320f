"""LISTA-CPSS: LISTA with coupled weights and support selection."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from annotated_types import Ge, Le
from torch import Tensor

from mbdl_repro.areas.sparse_recovery.bases import CoupledLayers
from mbdl_repro.areas.sparse_recovery.scenario import SparseRecovery
from mbdl_repro.areas.sparse_recovery.updates.layers import trusted_counts
from mbdl_repro.contract.method import Family


class ListaCpss(CoupledLayers):
    """LISTA-CP with support selection: the largest entries are not shrunk.

    s_{k+1} = T_{θ_k}^{q_k}(s_k + W_kᵀ(x − H s_k)),    k = 0, …, K − 1,    s_0 = 0

    T_θ^q leaves the q largest entries as they are if they exceed θ, and shrinks the others. q_k
    grows over the layers, to ``trusted_fraction`` of all entries at the last. With 0 it is
    LISTA-CP, and starts as K steps of ISTA. As there, V_k is learned of W_k = P V_k.

    Args:
        trusted_fraction: share of entries trusted by the last layer, a little above the share
            that is not zero; layer k trusts (k + 1)/K of it.

    Maps x (n, n_observations) to ŝ (n, m).

    Source: Chen, Liu, Wang and Yin, 2018, section 3.2.
    """

    name = "lista_cpss"
    family = Family.UNFOLDED_OBJECTIVE

    def __init__(
        self,
        belief: SparseRecovery,
        *,
        trusted_fraction: Annotated[float, Ge(0), Le(1)] = 0.12,
        **settings: Any,
    ) -> None:
        super().__init__(belief, **settings)
        self.V = self.learned((self.step * self.H).repeat(self.iterations, 1, 1))
        self.n_trusted = trusted_counts(self.iterations, self.H.shape[1], trusted_fraction)

    def layers(self) -> Iterator[tuple[Tensor, float, int]]:
        """Yield V_k, no step, and q_k."""
        return ((V, 1.0, q) for V, q in zip(self.V, self.n_trusted, strict=True))
