"""LISTA: ISTA unfolded into a few layers, with what each computes learned from data."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import torch
from torch import Tensor, nn

from mbdl_repro.areas.sparse_recovery.bases import UnfoldedIsta
from mbdl_repro.areas.sparse_recovery.scenario import SparseRecovery
from mbdl_repro.areas.sparse_recovery.updates.gradient_steps import proximal_gradient_step
from mbdl_repro.areas.sparse_recovery.updates.layers import layerwise
from mbdl_repro.contract.method import Family


class Lista(UnfoldedIsta):
    """K steps of ISTA whose matrices, steps and thresholds are weights.

    s_{k+1} = T_{β_k}(s_k + μ_k (A x − B s_k)),    k = 0, …, K − 1,    s_0 = 0

    A and B are shared by all layers. They start at Hᵀ and HᵀH, every μ_k at ``step`` and every
    β_k at ``step`` · ρ, where the rule is K steps of ISTA. What is learned of μ_k and β_k is the
    logarithm, so that they stay positive.

    Args:
        step: μ of the ISTA that it starts from; ``None``: 1/L, L the largest eigenvalue of HᵀH.
            So few layers need not converge: beyond 2/L, where ISTA may not, they start better.

    Maps x (n, n_observations) to ŝ (n, m).

    Source: Example 5.6; Gregor and LeCun, 2010.
    """

    name = "lista"
    family = Family.UNFOLDED_OBJECTIVE
    parent = "ista"

    def __init__(self, belief: SparseRecovery, **settings: Any) -> None:
        super().__init__(belief, **settings)
        self.A = nn.Parameter(self.H.mT.contiguous())
        self.B = nn.Parameter(self.H.mT @ self.H)
        self.log_step = layerwise(self.iterations, self.step)

    def iterates(
        self, x: Annotated[Tensor, "(n, n_observations)"]
    ) -> Iterator[Annotated[Tensor, "(n, m)"]]:
        """Yield s_0 = 0, s_1, …, s_K (n, m)."""
        Ax = x @ self.A.mT
        s = torch.zeros_like(Ax)
        yield s
        for step, threshold in zip(self.log_step.exp(), self.log_threshold.exp(), strict=True):
            s = proximal_gradient_step(s, s @ self.B.mT - Ax, step, threshold)
            yield s
