"""Step-LISTA: ISTA unfolded, with a step and a threshold of its own learned for each layer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from torch import Tensor

from mbdl_repro.areas.sparse_recovery.bases import UnfoldedIsta
from mbdl_repro.areas.sparse_recovery.scenario import SparseRecovery
from mbdl_repro.areas.sparse_recovery.updates.layers import coupled_step, layerwise
from mbdl_repro.contract.method import Family


class StepLista(UnfoldedIsta):
    """K steps of ISTA with learned step sizes and thresholds; the matrices stay those of H.

    s_{k+1} = T_{β_k}(s_k + μ_k Hᵀ(x − H s_k)),    k = 0, …, K − 1,    s_0 = 0

    2K numbers are learned, as logarithms, so that they stay positive. Every μ_k starts at
    ``step`` and every β_k at ``step`` · ρ, where the rule is K steps of ISTA.

    Maps x (n, n_observations) to ŝ (n, m).

    Source: Ablin, Moreau, Massias and Gramfort, 2019, where β_k = μ_k ρ; Example 5.6 for both.
    """

    name = "step_lista"
    family = Family.UNFOLDED_HYPERPARAMETERS
    parent = "ista"

    def __init__(self, belief: SparseRecovery, **settings: Any) -> None:
        super().__init__(belief, **settings)
        self.log_step = layerwise(self.iterations, self.step)

    def iterates(
        self, x: Annotated[Tensor, "(n, n_observations)"]
    ) -> Iterator[Annotated[Tensor, "(n, m)"]]:
        """Yield s_0 = 0, s_1, …, s_K (n, m)."""
        s = x.new_zeros(len(x), self.H.shape[1])
        yield s
        for step, threshold in zip(self.log_step.exp(), self.log_threshold.exp(), strict=True):
            s = coupled_step(s, x, self.H, self.H, threshold, step)
            yield s
