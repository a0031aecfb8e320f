"""The LASSO: the minimum that ISTA, FISTA and ADMM converge to."""

from __future__ import annotations

from typing import Annotated

from torch import Tensor

from mbdl_repro.areas.sparse_recovery.bases import LassoSolver
from mbdl_repro.areas.sparse_recovery.exact_lasso import lasso_solution
from mbdl_repro.contract.method import Family


class Lasso(LassoSolver):
    """The minimum of the LASSO objective ½‖x − H s‖² + ρ‖s‖₁, solved exactly.

    ŝ = argmin_s ½‖x − H s‖² + ρ‖s‖₁

    Each row is solved until its duality gap says so, or is answered by NaN.

    Maps x (n, n_observations) to ŝ (n, m).

    Source: Section 3.2, equation of Example 3.6; Tibshirani, 1996.
    """

    name = "lasso"
    family = Family.MODEL_BASED

    def forward(self, x: Annotated[Tensor, "(n, n_observations)"]) -> Annotated[Tensor, "(n, m)"]:
        """Return the minima (n, m)."""
        return lasso_solution(x, self.H, self.rho, self.gap_tolerance, self.max_iterations)
