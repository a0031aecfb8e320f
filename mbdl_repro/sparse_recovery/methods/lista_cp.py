"""LISTA-CP: LISTA with coupled weights, one matrix a layer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import torch
from annotated_types import Ge, Gt
from torch import Tensor, nn

from mbdl_repro.method import Family, IterativeMethod
from mbdl_repro.sparse_recovery.scenario import SparseRecovery
from mbdl_repro.sparse_recovery.updates import coupled_step, layerwise, lipschitz_constant


class ListaCp(IterativeMethod):
    """K steps of ISTA, each with a matrix and a threshold of its own, through the known H.

    s_{k+1} = T_{θ_k}(s_k + W_kᵀ(x − H s_k)),    k = 0, …, K − 1,    s_0 = 0

    A LISTA whose two matrices are coupled: a right estimate without noise is left in place. Every
    W_k starts at ``step`` · H and every θ_k at ``step`` · ρ, where the rule is K steps of ISTA.
    What is learned of θ_k is the logarithm, so that it stays positive.

    Args:
        belief: knows H.
        iterations: K, the number of layers.
        rho: ρ of the ISTA that it starts from.
        step: μ of the ISTA that it starts from; ``None``: 1/L, L the largest eigenvalue of HᵀH.

    Source: Chen, Liu, Wang and Yin, 2018; the monograph's Example 5.6 has LISTA.
    """

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
        self.H: Tensor
        self.register_buffer("H", torch.tensor(belief.H))
        mu = 1 / lipschitz_constant(self.H) if step is None else step
        # Entries of order one, so that one learning rate serves them and the logarithms.
        self.scale = len(self.H) ** -0.5
        self.W_by_scale = nn.Parameter((mu / self.scale * self.H).repeat(iterations, 1, 1))
        self.log_threshold = layerwise(iterations, mu * rho)

    def iterates(self, x: Tensor) -> Iterator[Tensor]:
        """Yield s_0 = 0, s_1, …, s_K (n, m)."""
        s = x.new_zeros(len(x), self.H.shape[1])
        yield s
        for W, threshold in zip(self.W_by_scale, self.log_threshold.exp(), strict=True):
            s = coupled_step(s, x, self.H, W, threshold, self.scale)
            yield s
