"""LISTA-CP: LISTA with coupled weights, one matrix a layer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import torch
from annotated_types import Ge, Gt
from torch import Tensor, nn

from mbdl_repro.areas.sparse_recovery.scenario import SparseRecovery
from mbdl_repro.areas.sparse_recovery.updates import (
    coupled_step,
    layerwise,
    learning_coordinates,
    lipschitz_constant,
)
from mbdl_repro.contract.method import Family, IterativeMethod


class ListaCp(IterativeMethod):
    """K steps of ISTA, each with a matrix and a threshold of its own, through the known H.

    s_{k+1} = T_{θ_k}(s_k + W_kᵀ(x − H s_k)),    k = 0, …, K − 1,    s_0 = 0

    A LISTA whose two matrices are coupled: a right estimate without noise is left in place. Every
    W_k starts at ``step`` · H and every θ_k at ``step`` · ρ, where the rule is K steps of ISTA.
    What is learned of θ_k is the logarithm, so that it stays positive, and of W_k = P V_k it is
    V_k, with a fixed P that makes all its directions about as fast to learn.

    Args:
        belief: knows H.
        iterations: K, the number of layers.
        rho: ρ of the ISTA that it starts from.
        step: μ of the ISTA that it starts from; ``None``: 1/L, L the largest eigenvalue of HᵀH.

    Source: Chen, Liu, Wang and Yin, 2018; the monograph's Example 5.6 has LISTA.
    """

    name = "lista_cp"
    family = Family.UNFOLDED_OBJECTIVE
    parent = "ista"

    def __init__(
        self,
        belief: SparseRecovery,
        *,
        iterations: Annotated[int, Ge(1)],
        rho: Annotated[float, Gt(0)],
        step: Annotated[float, Gt(0)] | None = None,
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

    def iterates(self, x: Tensor) -> Iterator[Tensor]:
        """Yield s_0 = 0, s_1, …, s_K (n, m)."""
        Px = x @ self.P
        s = x.new_zeros(len(x), self.PH.shape[1])
        yield s
        for V, threshold in zip(self.V, self.log_threshold.exp(), strict=True):
            s = coupled_step(s, Px, self.PH, V, threshold)
            yield s
