"""D-ADMM: consensus of agents by the method of multipliers."""

from __future__ import annotations

from typing import Annotated, Any

from annotated_types import Ge, Gt
from torch import Tensor

from mbdl_repro.areas.distributed.bases import DistributedAdmm
from mbdl_repro.areas.distributed.scenario import DistributedLasso
from mbdl_repro.areas.distributed.updates import Local, exact_primal
from mbdl_repro.contract.method import Family


class DAdmm(DistributedAdmm):
    """D-ADMM on Σ_p ½‖x_p − H_p s‖² + τ‖s‖₁, with the primal problem of each agent solved.

    s_p ← argmin ½‖x_p − H_p s‖² + τ‖s‖₁ + ⟨u_p − ρ Σ_j s_j, s⟩ + ½ ρ D_p‖s‖²
    u_p ← u_p + ρ Σ_j (s_p − s_j)

    Its limit is the LASSO of all measurements with the weight P τ, for every agent.

    Args:
        penalty: ρ.
        rho: τ, weight of the ℓ₁ norm of an agent; with 0, agents find the least squares.
        inner_steps: proximal gradient steps on each primal problem.

    Maps x (n, P, m) to what each agent believes s to be (n, P, N).

    Source: Mota, Xavier, Aguiar and Püschel, 2013, "D-ADMM".
    """

    name = "d_admm"
    family = Family.MODEL_BASED

    def __init__(
        self,
        belief: DistributedLasso,
        *,
        penalty: Annotated[float, Gt(0)] = 0.175,
        rho: Annotated[float, Ge(0)] = 0.1142,
        inner_steps: Annotated[int, Ge(1)] = 20,
        **settings: Any,
    ) -> None:
        super().__init__(belief, **settings)
        self.penalty = penalty
        self.rho = rho
        self.inner_steps = inner_steps

    def primal(
        self,
        k: int,
        agents: Annotated[Tensor, "(c,)"],
        s: Annotated[Tensor, "(c, n, N)"],
        u: Annotated[Tensor, "(c, n, N)"],
        sums: Annotated[Tensor, "(c, n, N)"],
        local: Local,
    ) -> Annotated[Tensor, "(c, n, N)"]:
        """Return the minima of the problems of agents (c,), (c, n, N)."""
        return exact_primal(s, u, sums, local, self.penalty, self.rho, self.inner_steps)

    def dual_step(self, k: int) -> float:
        """Return ρ."""
        return self.penalty
