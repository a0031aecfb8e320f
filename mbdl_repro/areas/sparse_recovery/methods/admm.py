"""ADMM: the alternating direction method of multipliers."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import repeat
from typing import Annotated, Any

from annotated_types import Gt
from torch import Tensor

from mbdl_repro.areas.sparse_recovery.bases import AdmmSteps
from mbdl_repro.areas.sparse_recovery.scenario import SparseRecovery
from mbdl_repro.areas.sparse_recovery.updates.admm import admm_iterates
from mbdl_repro.areas.sparse_recovery.updates.lasso_objective import until_gap
from mbdl_repro.contract.method import Family


class Admm(AdmmSteps):
    """ADMM on the LASSO objective ½‖x − H s‖² + ρ‖s‖₁, from v = u = 0; the estimate is v.

    s ← (HᵀH + 2λ I)⁻¹(Hᵀx + 2λ(v − u)),    v ← T_{ρ/(2λ)}(s + u),    u ← u + μ(s − v)

    λ and μ say how fast it gets there, and not where to.

    Args:
        gap_tolerance: hold a signal once its duality gap is at most this times ½‖x‖²;
            ``None``: take all K steps. Example 3.8 stops on small changes instead.

    Maps x (n, n_observations) to ŝ (n, m).

    Source: Example 3.8; Boyd, Parikh, Chu, Peleato and Eckstein, 2011, section 6.4. The
    companion notebook has ρ in place of 2λ in the first equation, and returns s.
    """

    name = "admm"
    family = Family.MODEL_BASED

    def __init__(
        self,
        belief: SparseRecovery,
        *,
        gap_tolerance: Annotated[float, Gt(0)] | None = None,
        **settings: Any,
    ) -> None:
        super().__init__(belief, **settings)
        self.gap_tolerance = gap_tolerance

    def iterates(
        self, x: Annotated[Tensor, "(n, n_observations)"]
    ) -> Iterator[Annotated[Tensor, "(n, m)"]]:
        """Yield v_0 = 0, v_1, …, v_K (n, m); fewer where all duality gaps are small before."""
        settings = repeat((self.rho, self.penalty, self.dual_step), self.iterations)
        estimates = admm_iterates(x, self.U, self.W, settings)
        return until_gap(estimates, x, self.H, self.rho, self.gap_tolerance)
