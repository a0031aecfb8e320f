"""TiLISTA: LISTA with coupled weights, one matrix for all layers."""

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


class Tilista(IterativeMethod):
    """K steps of ISTA with one learned matrix in all, and a step and threshold a layer.

    s_{k+1} = T_{θ_k}(s_k + γ_k Wᵀ(x − H s_k)),    k = 0, …, K − 1,    s_0 = 0

    LISTA-CP with tied weights. W starts at H, every γ_k at ``step`` and every θ_k at
    ``step`` · ρ, where the rule is K steps of ISTA. What is learned of γ_k and θ_k is the
    logarithm, so that they stay positive, and of W = P V it is V, with a fixed P that makes all
    its directions about as fast to learn.

    Args:
        belief: knows H.
        iterations: K, the number of layers.
        rho: ρ of the ISTA that it starts from.
        step: μ of the ISTA that it starts from; ``None``: 1/L, L the largest eigenvalue of HᵀH.

    Source: Liu, Chen, Wang and Yin, 2019, section 2.
    """

    name = "tilista"
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
        self.V = nn.Parameter(torch.linalg.solve(P, H))
        self.log_step = layerwise(iterations, mu)
        self.log_threshold = layerwise(iterations, mu * rho)

    def iterates(self, x: Tensor) -> Iterator[Tensor]:
        """Yield s_0 = 0, s_1, …, s_K (n, m)."""
        Px = x @ self.P
        s = x.new_zeros(len(x), self.PH.shape[1])
        yield s
        for step, threshold in zip(self.log_step.exp(), self.log_threshold.exp(), strict=True):
            s = coupled_step(s, Px, self.PH, self.V, threshold, step)
            yield s
