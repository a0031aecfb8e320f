"""NIDS: a decentralized proximal gradient method whose steps do not depend on the graph."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import numpy as np
import torch
from annotated_types import Ge, Gt
from torch import Tensor

from mbdl_repro.areas.distributed.bases import Agents
from mbdl_repro.areas.distributed.network import Messages, mixing_weights
from mbdl_repro.areas.distributed.scenario import DistributedLasso
from mbdl_repro.areas.distributed.updates import Local, local_gradient
from mbdl_repro.areas.sparse_recovery.updates.thresholding import soft_threshold
from mbdl_repro.contract.method import Family


class Nids(Agents):
    """Proximal gradient steps of agents that mix where they would go next.

    z ← z − s + ½(I + W) (2 s − s⁻ − α (∇f(s) − ∇f(s⁻))),    s ← T_{ατ}(z)

    f_p(s) = ½‖x_p − H_p s‖²; the first step is z = −α ∇f(0). W are Metropolis weights. Each agent
    sends one vector a round. Its limit is the LASSO of all measurements with the weight P τ.

    Args:
        primal_step: α; at most 2 over the largest ‖H_p‖².
        rho: τ, weight of the ℓ₁ norm of an agent; with 0, agents find the least squares.

    Maps x (n, P, m) to what each agent believes s to be (n, P, N).

    Source: Li, Shi and Yan, 2019, "A decentralized proximal-gradient method with network
    independent step-sizes and separated convergence rates".
    """

    name = "nids"
    family = Family.MODEL_BASED

    def __init__(
        self,
        belief: DistributedLasso,
        *,
        primal_step: Annotated[float, Gt(0)] = 1.0,
        rho: Annotated[float, Ge(0)] = 0.01,
        **settings: Any,
    ) -> None:
        super().__init__(belief, **settings)
        self.primal_step = primal_step
        self.rho = rho
        mixing = (np.eye(belief.n_agents) + mixing_weights(belief.adjacency)) / 2
        self.register_buffer("mixing", torch.tensor(mixing), persistent=False)
        self.mixing: Tensor

    def rounds(
        self, local: Local, arrived: Annotated[Tensor, "(K, P, P, n)"] | None
    ) -> Iterator[Annotated[Tensor, "(P, n, N)"]]:
        """Yield the agents' estimates (P, n, N), after each round.

        Args:
            local: what each agent knows.
            arrived: whether the message of j to p does, in each round and row (K, P, P, n).
        """
        own = self.mixing.diagonal()[:, None, None]
        messages = Messages(self.mixing - torch.diag(self.mixing.diagonal()), arrived)
        P, n, _ = local.x.shape
        before = local.x.new_zeros(P, n, local.H.shape[2])
        slope_before = local_gradient(before, local)
        z = -self.primal_step * slope_before
        s = soft_threshold(z, self.primal_step * self.rho)
        for k in range(self.iterations):
            slope = local_gradient(s, local)
            message = 2 * s - before - self.primal_step * (slope - slope_before)
            messages.send(message, k)
            z = z - s + own * message + messages.sums()
            before, slope_before = s, slope
            s = soft_threshold(z, self.primal_step * self.rho)
            yield s
