"""ADMM run to convergence, with its objective and its settings learned from data."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import repeat
from typing import Annotated, Any

from annotated_types import Ge, Gt
from torch import Tensor, nn

from mbdl_repro.areas.sparse_recovery.bases import AdmmSteps
from mbdl_repro.areas.sparse_recovery.scenario import SparseRecovery
from mbdl_repro.areas.sparse_recovery.updates.admm import LARGEST_DUAL_STEP, admm_iterates
from mbdl_repro.areas.sparse_recovery.updates.lasso_objective import until_gap
from mbdl_repro.contract.method import Family


class LearnedAdmm(AdmmSteps):
    """ADMM whose ρ, λ and μ, the same in every iteration, minimize the error on training data.

    s ← (HᵀH + 2λ I)⁻¹(Hᵀx + 2λ(v − u)),    v ← T_{ρ/(2λ)}(s + u),    u ← u + μ(s − v)

    It stops where ADMM does, after K iterations or at a small duality gap, and is trained
    through all of them. ρ, which the LASSO solution depends on, and λ are learned as logarithms,
    and μ as the logit of its share of (1 + √5)/2, so that ADMM with what is learned converges.

    Args:
        iterations: K, largest number of iterations; μ takes part from the second on.
        gap_tolerance: hold a signal once its duality gap, at the learned ρ, is at most this
            times ½‖x‖²; ``None``: take all K steps.

    Maps x (n, n_observations) to ŝ (n, m).

    Source: Example 5.4, whose notebook cuts the gradient of ρ at the threshold, and whose λ
    hardly moves.
    """

    name = "learned_admm"
    family = Family.LEARNED_OPTIMIZATION
    parent = "admm"

    def __init__(
        self,
        belief: SparseRecovery,
        *,
        iterations: Annotated[int, Ge(2)],
        gap_tolerance: Annotated[float, Gt(0)] | None = None,
        **settings: Any,
    ) -> None:
        super().__init__(belief, iterations=iterations, **settings)
        self.log_rho = nn.Parameter(self.H.new_tensor(self.rho).log())
        self.log_penalty = nn.Parameter(self.H.new_tensor(self.penalty).log())
        share = self.dual_step / LARGEST_DUAL_STEP
        self.logit_dual = nn.Parameter(self.H.new_tensor(share).logit())
        self.gap_tolerance = gap_tolerance

    @property
    def learned_dual_step(self) -> Tensor:
        """The learned μ, between 0 and (1 + √5)/2."""
        return LARGEST_DUAL_STEP * self.logit_dual.sigmoid()

    def iterates(
        self, x: Annotated[Tensor, "(n, n_observations)"]
    ) -> Iterator[Annotated[Tensor, "(n, m)"]]:
        """Yield v_0 = 0, v_1, …, v_K (n, m); fewer where all duality gaps are small before."""
        rho = self.log_rho.exp()
        settings = repeat((rho, self.log_penalty.exp(), self.learned_dual_step), self.iterations)
        estimates = admm_iterates(x, self.U, self.W, settings)
        return until_gap(estimates, x, self.H, rho, self.gap_tolerance)
