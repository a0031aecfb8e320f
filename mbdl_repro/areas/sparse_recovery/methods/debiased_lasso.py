"""Least squares on the support that the LASSO finds."""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor

from mbdl_repro.areas.sparse_recovery.bases import LassoSolver
from mbdl_repro.areas.sparse_recovery.exact_lasso import lasso_solution, least_squares_on_support
from mbdl_repro.contract.method import Family


class DebiasedLasso(LassoSolver):
    """The support of the LASSO, with least squares on it.

    A = {i : s*_i ≠ 0},    s* = argmin_s ½‖x − H s‖² + ρ‖s‖₁,    ŝ_A = (H_AᵀH_A)⁻¹ H_Aᵀ x

    The LASSO shrinks what it keeps by about ρ; without that bias a larger ρ is best, and with it
    comes a smaller support. Where the columns of H_A are dependent (more than there are
    observations, say) least squares has no one answer, and that row keeps the LASSO's.

    Maps x (n, n_observations) to ŝ (n, m).

    Source: Belloni and Chernozhukov, 2013 (least squares after model selection).
    """

    name = "debiased_lasso"
    family = Family.MODEL_BASED

    def forward(self, x: Annotated[Tensor, "(n, n_observations)"]) -> Annotated[Tensor, "(n, m)"]:
        """Return the estimates (n, m)."""
        s = lasso_solution(x, self.H, self.rho, self.gap_tolerance, self.max_iterations)
        refitted = least_squares_on_support(s, x, self.H)
        return torch.where(refitted.isnan(), s, refitted)
