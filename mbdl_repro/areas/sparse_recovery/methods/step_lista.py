"""Step-LISTA: ISTA unfolded, with a step and a threshold of its own learned for each layer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import torch
from annotated_types import Ge, Gt
from torch import Tensor

from mbdl_repro.areas.sparse_recovery.scenario import SparseRecovery
from mbdl_repro.areas.sparse_recovery.updates import coupled_step, layerwise, lipschitz_constant
from mbdl_repro.contract.method import Family, IterativeMethod


class StepLista(IterativeMethod):
    """K steps of ISTA whose steps and thresholds are learned; its matrices stay what they are.

    s_{k+1} = T_{β_k}(s_k + μ_k Hᵀ(x − H s_k)),    k = 0, …, K − 1,    s_0 = 0

    2K numbers are learned, as logarithms, so that they stay positive. Every μ_k starts at
    ``step`` and every β_k at ``step`` · ρ, where the rule is K steps of ISTA.

    Args:
        belief: knows H.
        iterations: K, the number of layers.
        rho: ρ of the ISTA that it starts from.
        step: μ of the ISTA that it starts from; ``None``: 1/L, L the largest eigenvalue of HᵀH.

    Source: Ablin, Moreau, Massias and Gramfort, 2019, where β_k = μ_k ρ; Example 5.6 for both.
    """

    name = "step_lista"
    family = Family.UNFOLDED_HYPERPARAMETERS
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
        self.H: Tensor
        self.register_buffer("H", torch.tensor(belief.H))
        mu = 1 / lipschitz_constant(self.H) if step is None else step
        self.log_step = layerwise(iterations, mu)
        self.log_threshold = layerwise(iterations, mu * rho)

    def iterates(self, x: Tensor) -> Iterator[Tensor]:
        """Yield s_0 = 0, s_1, …, s_K (n, m)."""
        s = x.new_zeros(len(x), self.H.shape[1])
        yield s
        for step, threshold in zip(self.log_step.exp(), self.log_threshold.exp(), strict=True):
            s = coupled_step(s, x, self.H, self.H, threshold, step)
            yield s
