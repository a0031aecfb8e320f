"""CORONA: robust PCA unfolded, with convolutions in place of products."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import torch
from annotated_types import Ge
from torch import Tensor, nn

from mbdl_repro.areas.low_rank_sparse.movies import SeparationSteps
from mbdl_repro.areas.low_rank_sparse.scenario import ContrastUltrasound
from mbdl_repro.areas.low_rank_sparse.updates.convolutions import (
    frame_convolutions,
    kernels_of_numbers,
)
from mbdl_repro.areas.low_rank_sparse.updates.separation import (
    low_rank_threshold,
    magnitude_threshold,
)
from mbdl_repro.areas.sparse_recovery.updates.layers import layerwise
from mbdl_repro.contract.method import Family


class Corona(SeparationSteps):
    """K steps of robust PCA, each with convolutions and thresholds of its own.

    L ← SVT_{τ_k}(P¹_k ∗ x + P²_k ∗ L + P³_k ∗ S),    S ← T_{β_k}(P⁴_k ∗ x + P⁵_k ∗ L + P⁶_k ∗ S)

    ŝ = S. Kernels are complex, of k × k pixels within a frame, alike in all of them. Unfitted they
    are ½ and −½ in the middle and 0 elsewhere: K steps of proximal gradient descent. The tissue
    after the last step is asked for by nobody; its kernels are not there. In the published network
    real and imaginary parts are put side by side as frames, thresholds are shares of the largest
    singular value and of a mean, T is a ratio of squares, and tissue is learned, too.

    Args:
        reach: pixels beside the middle one that a kernel covers to each side, (k − 1)/2.

    Source: Solomon et al., 2020, "Deep unfolded robust PCA with application to clutter suppression
    in ultrasound".
    """

    name = "corona"
    family = Family.UNFOLDED_OBJECTIVE
    parent = "proximal_robust_pca"

    def __init__(
        self, belief: ContrastUltrasound, *, reach: Annotated[int, Ge(0)] = 1, **settings: Any
    ) -> None:
        super().__init__(belief, **settings)
        K, side = self.iterations, 2 * reach + 1
        # Of the movie, of tissue and of bubbles.
        sparse = kernels_of_numbers((0.5, -0.5, 0.5), side)
        low_rank = kernels_of_numbers((0.5, 0.5, -0.5), side)
        self.sparse_kernels = nn.Parameter(sparse.repeat(K, 1, 1, 1, 1))
        self.low_rank_kernels = nn.Parameter(low_rank.repeat(K - 1, 1, 1, 1, 1))
        self.log_sparse_threshold = layerwise(K, 0.5 * self.sparse_weight)
        self.log_low_rank_threshold = layerwise(K - 1, 0.5 * self.low_rank_weight)

    def refinements(
        self, x: Annotated[Tensor, "(n, T, N, N)"]
    ) -> Iterator[Annotated[Tensor, "(n, T, N, N)"]]:
        """Yield S_0 = 0, S_1, …, S_K (n, T, N, N)."""
        betas, taus = self.log_sparse_threshold.exp(), self.log_low_rank_threshold.exp()
        L = S = torch.zeros_like(x)
        yield S
        for k, beta in enumerate(betas):
            kernels = torch.cat((self.sparse_kernels[k : k + 1], self.low_rank_kernels[k : k + 1]))
            z = frame_convolutions(torch.stack((x, L, S), 2), kernels)
            S = magnitude_threshold(z[0], beta)
            if k < len(taus):
                L = low_rank_threshold(z[1], taus[k])
            yield S
