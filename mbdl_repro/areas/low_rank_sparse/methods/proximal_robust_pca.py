"""Robust principal component analysis by proximal gradient descent: what is unfolded."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import repeat
from typing import Annotated

from torch import Tensor

from mbdl_repro.areas.low_rank_sparse.movies import SeparationSteps
from mbdl_repro.areas.low_rank_sparse.updates.separation import Step, proximal_gradient
from mbdl_repro.contract.method import Family


class ProximalRobustPca(SeparationSteps):
    """Tissue and bubbles go down the same objective at once, without momentum.

    L ← SVT_{λ_L/2}(L + ½(x − L − S)),    S ← T_{λ_S/2}(S + ½(x − L − S)),    ŝ = S

    Source: Solomon et al., 2020, equations 7 and 8.
    """

    name = "proximal_robust_pca"
    family = Family.MODEL_BASED

    def refinements(
        self, x: Annotated[Tensor, "(n, T, N, N)"]
    ) -> Iterator[Annotated[Tensor, "(n, T, N, N)"]]:
        """Yield S_0 = 0, S_1, …, S_K (n, T, N, N)."""
        sparse, low_rank = (
            Step(0.5, 0.5 * weight) for weight in (self.sparse_weight, self.low_rank_weight)
        )
        K = self.iterations
        return proximal_gradient(x, repeat(sparse, K), repeat(low_rank, K - 1))
