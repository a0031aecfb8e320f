"""D-ADMM unfolded: four numbers a round, learned, for all agents or for each."""

from __future__ import annotations

from typing import Annotated, Any

from torch import Tensor, nn

from mbdl_repro.areas.distributed.bases import LinearizedAdmm
from mbdl_repro.areas.distributed.scenario import DistributedLasso
from mbdl_repro.contract.method import Family


class UnfoldedDAdmm(LinearizedAdmm):
    """Rounds of linearized D-ADMM, each with ρ, α, τ and η of its own.

    Logarithms are learned, so that all stay positive, from the error of the last round, through
    all rounds. The published code learns round after round, through none but the last.

    Args:
        per_agent: whether each agent has numbers of its own, 4KP of them, or all share them, 4K;
            3 for 4 where τ is 0. Numbers of agents say nothing where there is another number of
            agents.

    Maps x (n, P, m) to what each agent believes s to be (n, P, N).

    Source: Noah and Shlezinger, 2024, "Distributed learn-to-optimize".
    """

    name = "unfolded_d_admm"
    family = Family.UNFOLDED_HYPERPARAMETERS
    parent = "linearized_d_admm"

    def __init__(
        self, belief: DistributedLasso, *, per_agent: bool = False, **settings: Any
    ) -> None:
        super().__init__(belief, **settings)
        agents = belief.n_agents if per_agent else 1
        self.register_buffer("learned", self.start.nonzero()[:, 0], persistent=False)
        self.learned: Tensor
        start = self.start[self.learned].log()
        self.log_scale = nn.Parameter(start.repeat(self.iterations, agents, 1))

    def constants(self, k: int) -> Annotated[Tensor, "(P or 1, 4)"]:
        """Return ρ, α, τ and η of a round, of each agent or one row for all, (P or 1, 4).

        Args:
            k: the round, counted from 0.
        """
        scale = self.log_scale[k].exp()
        return self.start.repeat(len(scale), 1).index_copy(1, self.learned, scale)
