"""LISTA: ISTA unfolded into a few layers, with what each computes learned from data."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import torch
from annotated_types import Ge, Gt
from torch import Tensor, nn

from mbdl_repro.areas.sparse_recovery.scenario import SparseRecovery
from mbdl_repro.areas.sparse_recovery.updates import (
    layerwise,
    lipschitz_constant,
    proximal_gradient_step,
)
from mbdl_repro.contract.method import Family, IterativeMethod


class Lista(IterativeMethod):
    """K steps of ISTA whose matrices, steps and thresholds are weights.

    s_{k+1} = T_{β_k}(s_k + μ_k (A x − B s_k)),    k = 0, …, K − 1,    s_0 = 0

    A and B are shared by all layers. They start at Hᵀ and HᵀH, every μ_k at ``step`` and every
    β_k at ``step`` · ρ, where the rule is K steps of ISTA. What is learned of μ_k and β_k is the
    logarithm, so that they stay positive.

    Args:
        belief: knows H.
        iterations: K, the number of layers.
        rho: ρ of the ISTA that it starts from.
        step: μ of the ISTA that it starts from; ``None``: 1/L, L the largest eigenvalue of HᵀH.
            So few layers need not converge: beyond 2/L, where ISTA may not, they start better.

    Source: Example 5.6; Gregor and LeCun, 2010.
    """

    name = "lista"
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
        mu = 1 / lipschitz_constant(H) if step is None else step
        self.A = nn.Parameter(H.mT.contiguous())
        self.B = nn.Parameter(H.mT @ H)
        self.log_step = layerwise(iterations, mu)
        self.log_threshold = layerwise(iterations, mu * rho)

    def iterates(self, x: Tensor) -> Iterator[Tensor]:
        """Yield s_0 = 0, s_1, …, s_K (n, m)."""
        Ax = x @ self.A.mT
        s = torch.zeros_like(Ax)
        yield s
        for step, threshold in zip(self.log_step.exp(), self.log_threshold.exp(), strict=True):
            s = proximal_gradient_step(s, s @ self.B.mT - Ax, step, threshold)
            yield s
