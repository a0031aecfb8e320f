"""The LASSO of one who is told all measurements."""

from __future__ import annotations

from typing import Annotated

import torch
from annotated_types import Ge, Gt
from torch import Tensor

from mbdl_repro.areas.distributed.scenario import DistributedLasso
from mbdl_repro.areas.sparse_recovery.updates.gradient_steps import (
    least_squares_gradient,
    lipschitz_constant,
    momenta,
    proximal_gradient_step,
)
from mbdl_repro.contract.method import Family, Method


class CentralLasso(Method):
    """Minimum of Σ_p ½‖x_p − H_p s‖² + ρ‖s‖₁ by FISTA, for who is told all measurements.

    What D-ADMM and NIDS converge to, with ρ = P τ; every agent is told what was found.

    Args:
        belief: gives the matrices of the agents.
        rho: ρ.
        steps: of FISTA.

    Maps x (n, P, m) to the same estimate for each agent (n, P, N).

    Source: Beck and Teboulle, 2009.
    """

    name = "central_lasso"
    family = Family.MODEL_BASED
    H: Tensor

    def __init__(
        self,
        belief: DistributedLasso,
        *,
        rho: Annotated[float, Gt(0)] = 0.1,
        steps: Annotated[int, Ge(1)] = 300,
    ) -> None:
        super().__init__()
        self.register_buffer("H", torch.tensor(belief.H), persistent=False)
        self.rho = rho
        self.steps = steps

    def forward(self, x: Annotated[Tensor, "(n, P, m)"]) -> Annotated[Tensor, "(n, P, N)"]:
        """Return the estimates (n, P, N) of x (n, P, m)."""
        H, all_of_it = self.H.flatten(0, 1), x.flatten(1)
        step = 1 / lipschitz_constant(H)
        s = x.new_zeros(len(x), H.shape[1])
        ahead = s
        for _, momentum in zip(range(self.steps), momenta(), strict=False):
            slope = least_squares_gradient(ahead, all_of_it, H)
            following = proximal_gradient_step(ahead, slope, step, step * self.rho)
            s, ahead = following, following + momentum * (following - s)
        return s[:, None].repeat(1, len(self.H), 1)
