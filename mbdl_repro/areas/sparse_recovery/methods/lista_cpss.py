"""LISTA-CPSS: LISTA with coupled weights and support selection."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import torch
from annotated_types import Ge, Gt, Le
from torch import Tensor, nn

from mbdl_repro.areas.sparse_recovery.scenario import SparseRecovery
from mbdl_repro.areas.sparse_recovery.updates import (
    coupled_step,
    layerwise,
    learning_coordinates,
    lipschitz_constant,
    trusted_counts,
)
from mbdl_repro.contract.method import Family, IterativeMethod


class ListaCpss(IterativeMethod):
    """LISTA-CP that trusts the largest entries to be on the support, and does not shrink them.

    s_{k+1} = T_{θ_k}^{q_k}(s_k + W_kᵀ(x − H s_k)),    k = 0, …, K − 1,    s_0 = 0

    T_θ^q leaves the q largest entries as they are if they exceed θ, and shrinks the others. q_k
    grows over the layers, to ``trusted_fraction`` of all entries at the last. With 0 it is
    LISTA-CP, and starts as K steps of ISTA. As there, V_k is learned of W_k = P V_k.

    Args:
        belief: knows H.
        iterations: K, the number of layers.
        rho: ρ of the ISTA that it starts from.
        step: μ of the ISTA that it starts from; ``None``: 1/L, L the largest eigenvalue of HᵀH.
        trusted_fraction: share of entries trusted by the last layer, a little above the share
            that is not zero; layer k trusts (k + 1)/K of it.

    Source: Chen, Liu, Wang and Yin, 2018, section 3.2.
    """

    name = "lista_cpss"
    family = Family.UNFOLDED_OBJECTIVE

    def __init__(
        self,
        belief: SparseRecovery,
        *,
        iterations: Annotated[int, Ge(1)],
        rho: Annotated[float, Gt(0)],
        step: Annotated[float, Gt(0)] | None = None,
        trusted_fraction: Annotated[float, Ge(0), Le(1)] = 0.12,
    ) -> None:
        super().__init__()
        self.iterations = iterations
        H = torch.tensor(belief.H)
        P = learning_coordinates(H)
        self.P: Tensor
        self.register_buffer("P", P)
        self.PH: Tensor
        self.register_buffer("PH", P @ H)
        mu = 1 / lipschitz_constant(H) if step is None else step
        self.V = nn.Parameter(torch.linalg.solve(P, mu * H).repeat(iterations, 1, 1))
        self.log_threshold = layerwise(iterations, mu * rho)
        self.n_trusted = trusted_counts(iterations, H.shape[1], trusted_fraction)

    def iterates(self, x: Tensor) -> Iterator[Tensor]:
        """Yield s_0 = 0, s_1, …, s_K (n, m)."""
        Px = x @ self.P
        s = x.new_zeros(len(x), self.PH.shape[1])
        yield s
        thresholds = self.log_threshold.exp()
        for V, threshold, n_trusted in zip(self.V, thresholds, self.n_trusted, strict=True):
            s = coupled_step(s, Px, self.PH, V, threshold, n_trusted=n_trusted)
            yield s
