"""ALISTA: LISTA with weights computed from H, so that only steps and thresholds are learned."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import torch
from annotated_types import Ge, Gt, Le
from torch import Tensor

from mbdl_repro.areas.sparse_recovery.scenario import SparseRecovery
from mbdl_repro.areas.sparse_recovery.updates.layers import (
    analytic_weights,
    coupled_step,
    layerwise,
    trusted_counts,
)
from mbdl_repro.contract.method import Family, IterativeMethod


class Alista(IterativeMethod):
    """K thresholded steps through the analytic weights, with learned steps and thresholds.

    s_{k+1} = T_{θ_k}^{q_k}(s_k + γ_k Wᵀ(x − H s_k)),    k = 0, …, K − 1,    s_0 = 0

    W minimizes ‖WᵀH − I‖_F with w_iᵀh_i = 1, in closed form. T_θ^q leaves the q largest entries
    as they are if they exceed θ; q_k grows over the layers, to ``trusted_fraction`` of all
    entries at the last. Every γ_k starts at ``step`` and every θ_k at ``step`` · ρ. What is
    learned is their logarithm: 2K numbers, so it stands with the methods that learn solver
    parameters, though the matrix that it steps through is not the gradient's.

    Args:
        belief: knows H, which has linearly independent rows.
        iterations: K, the number of layers.
        rho: ρ; with ``step`` it sets the thresholds at the start.
        step: γ at the start; ``None``: 1/L, L the largest singular value of WᵀH.
        trusted_fraction: share of entries trusted by the last layer, a little above the share
            that is not zero; layer k trusts (k + 1)/K of it.

    Maps x (n, n_observations) to ŝ (n, m).

    Source: Liu, Chen, Wang and Yin, 2019, section 3.
    """

    name = "alista"
    family = Family.UNFOLDED_HYPERPARAMETERS

    def __init__(
        self,
        belief: SparseRecovery,
        *,
        iterations: Annotated[int, Ge(1)],
        rho: Annotated[float, Gt(0)],
        step: Annotated[float, Gt(0)] | None = None,
        trusted_fraction: Annotated[float, Ge(0), Le(1)] = 0.0,
    ) -> None:
        super().__init__()
        self.iterations = iterations
        self.H: Tensor
        self.register_buffer("H", torch.tensor(belief.H))
        self.W: Tensor
        self.register_buffer("W", analytic_weights(self.H))
        if step is None:
            step = 1 / torch.linalg.matrix_norm(self.W.mT @ self.H, 2).item()
        self.log_step = layerwise(iterations, step)
        self.log_threshold = layerwise(iterations, step * rho)
        self.n_trusted = trusted_counts(iterations, self.H.shape[1], trusted_fraction)

    def iterates(
        self, x: Annotated[Tensor, "(n, n_observations)"]
    ) -> Iterator[Annotated[Tensor, "(n, m)"]]:
        """Yield s_0 = 0, s_1, …, s_K (n, m)."""
        s = x.new_zeros(len(x), self.H.shape[1])
        yield s
        steps, thresholds = self.log_step.exp(), self.log_threshold.exp()
        for step, threshold, q in zip(steps, thresholds, self.n_trusted, strict=True):
            s = coupled_step(s, x, self.H, self.W, threshold, step, q)
            yield s
