"""Learned SPARCOM: its steps unfolded into folds, with what each computes learned from movies."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import torch
from annotated_types import Ge
from torch import Tensor, nn

from mbdl_repro.areas.sparse_recovery.microscopy import SmoothSteps
from mbdl_repro.areas.sparse_recovery.systems.blinking_emitters import BlinkingEmitters
from mbdl_repro.areas.sparse_recovery.updates.camera_convolution import (
    camera_matrix,
    symmetric_classes,
    toeplitz_places,
    with_entries,
)
from mbdl_repro.areas.sparse_recovery.updates.emitter_maps import seen, smooth_threshold
from mbdl_repro.areas.sparse_recovery.updates.layers import layerwise
from mbdl_repro.contract.method import Family

BLUR_UNIT = 0.1
"""Of what is learned of Q_k, beside 1, the weight of a pixel for itself."""


class LearnedSparcom(SmoothSteps):
    """K steps of SPARCOM, each with convolutions, a threshold and a sharpness of its own.

    s_{k+1} = S_k(Q_k ∗ s_k + P_k ∗ (g − (V_k ∗ s_k)↓)↑),    k = 0, …, K − 1,    s_0 = 0

    ↓ sums over what a camera pixel sees, ↑ spreads what it holds. All kernels look alike after
    quarter turns and flips, as the camera's do, Q_k is separable, and nothing is answered that is
    negative. Unfitted, V_k is the squared point-spread function of the belief, P_k is ``step``
    times it and Q_k does nothing: K steps of smooth SPARCOM. What is learned is how they differ
    from that. The published folds weigh s_k and g by one kernel each, S_k(Q_k ∗ s_k + P ∗ g).

    Args:
        reach: fine pixels beyond a camera pixel, to each side, in which P_k and V_k are learned.
        blur_reach: fine pixels to each side in which Q_k is.

    Source: Dardikman-Yoffe and Eldar, 2020, "Learned SPARCOM".
    """

    name = "learned_sparcom"
    family = Family.UNFOLDED_OBJECTIVE
    parent = "smooth_sparcom"

    entries: Tensor
    places: Tensor

    def __init__(
        self,
        belief: BlinkingEmitters,
        *,
        reach: Annotated[int, Ge(0)] = 8,
        blur_reach: Annotated[int, Ge(0)] = 4,
        **settings: Any,
    ) -> None:
        super().__init__(belief, **settings)
        N, upsampling = belief.camera_side, belief.upsampling
        classes = symmetric_classes(2 * reach + upsampling)
        numbers = camera_matrix(classes + 1, N, upsampling)
        self.register_buffer("entries", numbers, persistent=False)
        places = toeplitz_places(belief.fine_side, blur_reach)
        self.register_buffer("places", places, persistent=False)
        K, double = self.iterations, torch.float64
        self.P = nn.Parameter(torch.zeros(K, int(classes.max()) + 1, dtype=double))
        self.V = nn.Parameter(torch.zeros_like(self.P))
        self.Q = nn.Parameter(torch.zeros(K, blur_reach + 1, dtype=double))
        self.log_threshold = layerwise(K, 1.0)
        self.log_sharpness = layerwise(K, 1.0)

    def iterates(self, x: Tensor) -> Iterator[Annotated[Tensor, "(n, G, G)"]]:
        """Yield s_0 = 0, s_1, …, s_K (n, G, G)."""
        g = self.image(x).flatten(1)
        s = g.new_zeros(len(g), *self.K.shape)
        yield s
        B2 = torch.kron(self.B, self.B)
        same = torch.eye(len(self.K), dtype=g.dtype, device=g.device)
        thresholds = self.threshold * self.log_threshold.exp()
        sharpness = self.sharpness * self.log_sharpness.exp()
        folds = (self.P, self.V, self.Q, thresholds, sharpness)
        for P, V, Q, *gate in zip(*map(torch.unbind, folds), strict=True):
            V_k, P_k = (with_entries(B2, B2.amax() * w, self.entries) for w in (V, P))
            residual = torch.addmm(g, s.flatten(1), V_k.mT, alpha=-1)
            kept = seen(s, with_entries(same, BLUR_UNIT * Q, self.places)).flatten(1)
            z = torch.addmm(kept, residual, P_k, alpha=self.step)
            s = smooth_threshold(z, *gate).view_as(s)
            yield s
