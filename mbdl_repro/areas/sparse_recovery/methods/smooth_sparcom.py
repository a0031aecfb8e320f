"""SPARCOM's proximal gradient steps with a smooth threshold: what the learned folds start from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from torch import Tensor

from mbdl_repro.areas.sparse_recovery.microscopy import SmoothSteps
from mbdl_repro.areas.sparse_recovery.updates.emitter_maps import map_gradient, smooth_threshold
from mbdl_repro.areas.sparse_recovery.updates.gradient_steps import moved
from mbdl_repro.contract.method import Family


class SmoothSparcom(SmoothSteps):
    """Steps down ½‖g − B s Bᵀ‖², each with a smooth threshold that keeps what is well above it.

    s_{k+1} = S(s_k + μ Bᵀ(g − B s_k Bᵀ) B),    S(z) = max(z, 0) / (1 + exp(−τ (z/θ − 1)))

    Source: the parent of Learned SPARCOM, Dardikman-Yoffe and Eldar, 2020, whose threshold it has.
    """

    name = "smooth_sparcom"
    family = Family.MODEL_BASED

    def iterates(self, x: Tensor) -> Iterator[Annotated[Tensor, "(n, G, G)"]]:
        """Yield s_0 = 0, s_1, …, s_K (n, G, G)."""
        g = self.image(x)
        s = g.new_zeros(len(g), *self.K.shape)
        yield s
        for _ in range(self.iterations):
            z = moved(s, map_gradient(s, g, self.B), -self.step)
            s = smooth_threshold(z, self.threshold, self.sharpness)
            yield s
