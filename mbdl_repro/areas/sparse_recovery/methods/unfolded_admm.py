"""ADMM unfolded into a few layers, with settings of their own learned from data."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Annotated

import torch
from annotated_types import Ge, Gt, Lt
from torch import Tensor, nn

from mbdl_repro.areas.sparse_recovery.scenario import SparseRecovery
from mbdl_repro.areas.sparse_recovery.updates import admm_iterates, with_orthogonal_rows
from mbdl_repro.contract.method import Family, IterativeMethod


class UnfoldedAdmm(IterativeMethod):
    """K iterations of ADMM, each with its own ρ, λ and μ; the estimate is the last v.

    s ← (HᵀH + 2λ_k I)⁻¹(Hᵀx + 2λ_k(v − u)),    v ← T_{ρ_k/(2λ_k)}(s + u),    u ← u + μ_k(s − v)

    All start at the settings of the ADMM that it is then. What is learned is their logarithms,
    so that they stay positive; few iterations need not converge, so that nothing holds μ_k
    below (1 + √5)/2. The K-th μ is not there, as no v comes after it.

    Args:
        belief: knows H.
        iterations: K, the number of layers.
        rho: every ρ_k before training.
        penalty: every λ_k before training.
        dual_step: every μ_k before training.

    Source: Example 5.5, whose notebook returns s and cuts the gradient at the threshold.
    """

    name = "unfolded_admm"
    family = Family.UNFOLDED_HYPERPARAMETERS
    parent = "admm"

    def __init__(
        self,
        belief: SparseRecovery,
        *,
        iterations: Annotated[int, Ge(1)],
        rho: Annotated[float, Gt(0)],
        penalty: Annotated[float, Gt(0)],
        dual_step: Annotated[float, Gt(0), Lt((1 + 5**0.5) / 2)] = 1.0,
    ) -> None:
        super().__init__()
        self.iterations = iterations
        H = torch.tensor(belief.H)
        self.U: Tensor
        self.W: Tensor
        for name, factor in zip("UW", with_orthogonal_rows(H), strict=True):
            self.register_buffer(name, factor.contiguous())
        self.log_rho = nn.Parameter(H.new_full((iterations,), rho).log())
        self.log_penalty = nn.Parameter(H.new_full((iterations,), penalty).log())
        self.log_dual_step = nn.Parameter(H.new_full((iterations - 1,), dual_step).log())

    def iterates(self, x: Tensor) -> Iterator[Tensor]:
        """Yield v_0 = 0, v_1, …, v_K (n, m)."""
        dual_steps = chain(self.log_dual_step.exp(), [0.0])
        settings = zip(self.log_rho.exp(), self.log_penalty.exp(), dual_steps, strict=True)
        return admm_iterates(x, self.U, self.W, settings)
