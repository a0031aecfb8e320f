"""ADMM unfolded into a few layers, with settings of their own learned from data."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Annotated, Any

from torch import Tensor

from mbdl_repro.areas.sparse_recovery.bases import AdmmSteps
from mbdl_repro.areas.sparse_recovery.scenario import SparseRecovery
from mbdl_repro.areas.sparse_recovery.updates.admm import admm_iterates
from mbdl_repro.areas.sparse_recovery.updates.layers import layerwise
from mbdl_repro.contract.method import Family


class UnfoldedAdmm(AdmmSteps):
    """K iterations of ADMM, each with its own ρ, λ and μ; the estimate is the last v.

    s ← (HᵀH + 2λ_k I)⁻¹(Hᵀx + 2λ_k(v − u)),    v ← T_{ρ_k/(2λ_k)}(s + u),    u ← u + μ_k(s − v)

    All start at the settings of the ADMM that it is then. What is learned is their logarithms,
    so that they stay positive; few iterations need not converge, so that nothing holds μ_k
    below (1 + √5)/2. The K-th μ is not there, as no v comes after it.

    Maps x (n, n_observations) to ŝ (n, m).

    Source: Example 5.5, whose notebook returns s and cuts the gradient at the threshold.
    """

    name = "unfolded_admm"
    family = Family.UNFOLDED_HYPERPARAMETERS
    parent = "admm"

    def __init__(self, belief: SparseRecovery, **settings: Any) -> None:
        super().__init__(belief, **settings)
        self.log_rho = layerwise(self.iterations, self.rho)
        self.log_penalty = layerwise(self.iterations, self.penalty)
        self.log_dual_step = layerwise(self.iterations - 1, self.dual_step)

    def iterates(
        self, x: Annotated[Tensor, "(n, n_observations)"]
    ) -> Iterator[Annotated[Tensor, "(n, m)"]]:
        """Yield v_0 = 0, v_1, …, v_K (n, m)."""
        dual_steps = chain(self.log_dual_step.exp(), [0.0])
        settings = zip(self.log_rho.exp(), self.log_penalty.exp(), dual_steps, strict=True)
        return admm_iterates(x, self.U, self.W, settings)
