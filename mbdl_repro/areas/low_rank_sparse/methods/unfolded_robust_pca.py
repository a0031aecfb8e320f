"""Robust PCA unfolded into a few layers, with steps and thresholds of their own."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import starmap
from typing import Annotated, Any

from torch import Tensor

from mbdl_repro.areas.low_rank_sparse.movies import SeparationSteps
from mbdl_repro.areas.low_rank_sparse.scenario import ContrastUltrasound
from mbdl_repro.areas.low_rank_sparse.updates.separation import Step, proximal_gradient
from mbdl_repro.areas.sparse_recovery.updates.layers import layerwise
from mbdl_repro.contract.method import Family


class UnfoldedRobustPca(SeparationSteps):
    """K steps of proximal gradient descent, each with four positive numbers of its own.

    L ← SVT_{τ_k}(L + μ_k (x − L − S)),    S ← T_{β_k}(S + ν_k (x − L − S)),    ŝ = S

    What is learned is their logarithms. The tissue after the last step is asked for by nobody: τ
    and μ are K − 1.

    Source: Solomon et al., 2020, without their convolutions.
    """

    name = "unfolded_robust_pca"
    family = Family.UNFOLDED_HYPERPARAMETERS
    parent = "proximal_robust_pca"

    def __init__(self, belief: ContrastUltrasound, **settings: Any) -> None:
        super().__init__(belief, **settings)
        K = self.iterations
        self.log_low_rank_step = layerwise(K - 1, 0.5)
        self.log_low_rank_threshold = layerwise(K - 1, 0.5 * self.low_rank_weight)
        self.log_sparse_step = layerwise(K, 0.5)
        self.log_sparse_threshold = layerwise(K, 0.5 * self.sparse_weight)

    def refinements(
        self, x: Annotated[Tensor, "(n, T, N, N)"]
    ) -> Iterator[Annotated[Tensor, "(n, T, N, N)"]]:
        """Yield S_0 = 0, S_1, …, S_K (n, T, N, N)."""
        sparse = zip(self.log_sparse_step.exp(), self.log_sparse_threshold.exp(), strict=True)
        low_rank = zip(self.log_low_rank_step.exp(), self.log_low_rank_threshold.exp(), strict=True)
        return proximal_gradient(x, starmap(Step, sparse), starmap(Step, low_rank))
