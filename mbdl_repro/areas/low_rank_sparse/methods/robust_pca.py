"""Robust principal component analysis by FISTA."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from torch import Tensor

from mbdl_repro.areas.low_rank_sparse.movies import SeparationSteps
from mbdl_repro.areas.low_rank_sparse.updates.separation import accelerated
from mbdl_repro.contract.method import Family


class RobustPca(SeparationSteps):
    """The low-rank tissue and the sparse bubbles that explain a movie, by FISTA.

    min over L, S of ½‖x − L − S‖² + λ_L‖L‖_* + λ_S‖S‖₁,    ŝ = S

    FISTA goes along L alone: for each L the best S is known.

    Source: Solomon et al., 2020, equation 3, whose norm of S is by pixel; Candès, Li, Ma and
    Wright, 2011.
    """

    name = "robust_pca"
    family = Family.MODEL_BASED

    def refinements(
        self, x: Annotated[Tensor, "(n, T, N, N)"]
    ) -> Iterator[Annotated[Tensor, "(n, T, N, N)"]]:
        """Yield T(x), S_1, …, S_K (n, T, N, N)."""
        return accelerated(x, self.low_rank_weight, self.sparse_weight, self.iterations)
