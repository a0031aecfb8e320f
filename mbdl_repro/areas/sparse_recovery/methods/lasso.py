"""The LASSO: the minimum that ISTA, FISTA and ADMM converge to."""

from __future__ import annotations

from typing import Annotated

import torch
from annotated_types import Ge, Gt
from torch import Tensor

from mbdl_repro.areas.sparse_recovery.exact_lasso import lasso_solution
from mbdl_repro.areas.sparse_recovery.scenario import SparseRecovery
from mbdl_repro.contract.method import Family, Method


class Lasso(Method):
    """The signal that fits the observation with least ℓ₁ norm to pay for it.

    ŝ = argmin_s ½‖x − H s‖² + ρ‖s‖₁

    Each row is solved until its duality gap says so, or is answered by NaN.

    Args:
        belief: knows H.
        rho: ρ, weight of the ℓ₁ norm; where it is ‖Hᵀx‖_∞ or more, ŝ = 0.
        gap_tolerance: largest duality gap, relative to ½‖x‖², the objective of s = 0.
        max_iterations: first-order iterations, after which a row counts as unsolved.

    Source: Section 3.2, equation of Example 3.6; Tibshirani, 1996.
    """

    name = "lasso"
    family = Family.MODEL_BASED

    H: Tensor

    def __init__(
        self,
        belief: SparseRecovery,
        *,
        rho: Annotated[float, Gt(0)],
        gap_tolerance: Annotated[float, Gt(0)] = 1e-10,
        max_iterations: Annotated[int, Ge(1)] = 100_000,
    ) -> None:
        super().__init__()
        self.register_buffer("H", torch.tensor(belief.H))
        self.rho = rho
        self.gap_tolerance = gap_tolerance
        self.max_iterations = max_iterations

    def forward(self, x: Tensor) -> Tensor:
        """Return the minima (n, m)."""
        return lasso_solution(x, self.H, self.rho, self.gap_tolerance, self.max_iterations)
