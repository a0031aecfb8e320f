"""What methods of agents share: who they are, what they are told, and the rounds of D-ADMM."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import Annotated, Any

import torch
from annotated_types import Ge, Gt
from torch import Tensor

from mbdl_repro.areas.distributed.network import Messages, arrivals, colours
from mbdl_repro.areas.distributed.scenario import DistributedLasso
from mbdl_repro.areas.distributed.updates import Local, Shrinkage, linearized_primal
from mbdl_repro.contract.method import IterativeMethod


class Agents(IterativeMethod):
    """Agents that know their own rows of H, and hear their neighbours in K rounds.

    In a round each agent sends one vector of N numbers to its neighbours.

    Args:
        belief: gives the matrices of the agents, their graph, and how many messages are lost.
        iterations: K, number of rounds.

    Maps x (n, P, m) to what each agent believes s to be (n, P, N).
    """

    H: Tensor
    adjacency: Tensor

    def __init__(self, belief: DistributedLasso, *, iterations: Annotated[int, Ge(1)] = 10) -> None:
        super().__init__()
        self.iterations: int = iterations
        self.loss_probability = belief.loss_probability
        self.register_buffer("H", torch.tensor(belief.H), persistent=False)
        self.register_buffer("adjacency", torch.tensor(belief.adjacency), persistent=False)

    @abstractmethod
    def rounds(
        self, local: Local, arrived: Annotated[Tensor, "(K, P, P, n)"] | None
    ) -> Iterator[Annotated[Tensor, "(P, n, N)"]]:
        """Yield the agents' estimates (P, n, N), after each round.

        Args:
            local: what each agent knows.
            arrived: whether the message of j to p in round k does, for each row (K, P, P, n);
                ``None``: all do.
        """

    def iterates(
        self, x: Annotated[Tensor, "(n, P, m)"]
    ) -> Iterator[Annotated[Tensor, "(n, P, N)"]]:
        """Yield estimates (n, P, N) of x (n, P, m): 0, then those after each round.

        Raises:
            ValueError: says what shape the observations should have.
        """
        P, m, N = self.H.shape
        if tuple(x.shape[1:]) != (P, m):
            raise ValueError(
                f"observations have the shape {tuple(x.shape)}: should be (n, {P}, {m}), "
                f"{m} of each of {P} agents"
            )
        bad = ~torch.isfinite(x).flatten(1).all(1)[:, None, None]
        seen = torch.where(bad, 0.0, x)
        local = Local(self.H, seen.transpose(0, 1), self.adjacency.sum(1)[:, None, None])
        arrived = arrivals(seen, self.iterations, self.loss_probability)
        yield x.new_zeros(len(x), P, N).masked_fill(bad, torch.nan)
        for s in self.rounds(local, arrived):
            yield s.transpose(0, 1).masked_fill(bad, torch.nan)

    def loss(self, x: Annotated[Tensor, "(n, P, m)"], s: Annotated[Tensor, "(n, P, N)"]) -> Tensor:
        """Return the squared error ‖ŝ_p − s‖² of an agent, a mean over rows and agents.

        Args:
            x: observations (n, P, m).
            s: targets (n, P, N).
        """
        return (self(x) - s).square().sum(2).mean()


class DistributedAdmm(Agents):
    """Rounds of D-ADMM: agents of one colour after another, then sums of dual variables.

    u_p ← u_p + η Σ_j (s_p − s_j),  over the neighbours j of agent p

    Neighbours have different colours, so that each goes by what others found in the same round.
    """

    def __init__(self, belief: DistributedLasso, **settings: Any) -> None:
        super().__init__(belief, **settings)
        self.colours = [torch.tensor(group) for group in colours(belief.adjacency)]

    @abstractmethod
    def primal(
        self,
        k: int,
        agents: Annotated[Tensor, "(c,)"],
        s: Annotated[Tensor, "(c, n, N)"],
        u: Annotated[Tensor, "(c, n, N)"],
        sums: Annotated[Tensor, "(c, n, N)"],
        local: Local,
    ) -> Annotated[Tensor, "(c, n, N)"]:
        """Return the new estimates (c, n, N) of agents of one colour in a round.

        Args:
            k: the round, counted from 0.
            agents: their numbers (c,).
            s: their estimates (c, n, N).
            u: their sums of dual variables (c, n, N).
            sums: of their neighbours' estimates (c, n, N).
            local: what they know.
        """

    @abstractmethod
    def dual_step(self, k: int) -> Annotated[Tensor, "(P or 1, 1, 1)"] | float:
        """Return η of a round: one for all agents, or for each (P or 1, 1, 1)."""

    def rounds(
        self, local: Local, arrived: Annotated[Tensor, "(K, P, P, n)"] | None
    ) -> Iterator[Annotated[Tensor, "(P, n, N)"]]:
        """Yield the agents' estimates (P, n, N), after each round.

        Args:
            local: what each agent knows.
            arrived: whether the message of j to p does, in each round and row (K, P, P, n).
        """
        P, n, _ = local.x.shape
        s = local.x.new_zeros(P, n, local.H.shape[2])
        u = torch.zeros_like(s)
        messages = Messages(self.adjacency.to(s), arrived)
        messages.send(s, 0, senders=self.colours[0][:0])
        groups = [(agents, local.of(agents)) for agents in self.colours]
        for k in range(self.iterations):
            for agents, theirs in groups:
                sums = messages.sums(agents)
                new = self.primal(k, agents, s[agents], u[agents], sums, theirs)
                s = s.index_copy(0, agents, new)
                messages.send(s, k, senders=agents)
            u = u + self.dual_step(k) * (local.degrees * s - messages.sums())
            yield s


class LinearizedAdmm(DistributedAdmm):
    """D-ADMM with one gradient step for its primal problem; four numbers a round.

    s_p ← T_{ατ}(s_p − α (H_pᵀ(H_p s_p − x_p) + u_p + ρ (D_p s_p − Σ_j s_j)))
    u_p ← u_p + η Σ_j (s_p − s_j)

    Args:
        penalty: ρ; of layers, where it starts. The first values of all four are the published ones.
        primal_step: α; of layers, where it starts.
        rho: τ, weight of the ℓ₁ norm of an agent; of layers, where it starts. 0 stays 0.
        dual: η; of layers, where it starts.
        shrinkage: "proximal", T_{ατ}, or "subgradient", τ sign s_p, as in published code.
    """

    def __init__(
        self,
        belief: DistributedLasso,
        *,
        penalty: Annotated[float, Gt(0)] = 0.175,
        primal_step: Annotated[float, Gt(0)] = 0.125,
        rho: Annotated[float, Ge(0)] = 0.1142,
        dual: Annotated[float, Gt(0)] = 0.0867,
        shrinkage: Shrinkage = "proximal",
        **settings: Any,
    ) -> None:
        super().__init__(belief, **settings)
        self.shrinkage = shrinkage
        start = torch.tensor([penalty, primal_step, rho, dual], dtype=torch.float64)
        self.register_buffer("start", start, persistent=False)
        self.start: Tensor

    def constants(self, k: int) -> Annotated[Tensor, "(P or 1, 4)"]:
        """Return ρ, α, τ and η of a round, of each agent or one row for all, (P or 1, 4).

        Args:
            k: the round, counted from 0.
        """
        return self.start[None]

    def primal(
        self,
        k: int,
        agents: Annotated[Tensor, "(c,)"],
        s: Annotated[Tensor, "(c, n, N)"],
        u: Annotated[Tensor, "(c, n, N)"],
        sums: Annotated[Tensor, "(c, n, N)"],
        local: Local,
    ) -> Annotated[Tensor, "(c, n, N)"]:
        """Return estimates of agents (c,) after one step (c, n, N)."""
        constants = self.constants(k)
        theirs = constants[agents] if len(constants) > 1 else constants
        penalty, step, weight, _ = theirs[:, :, None, None].unbind(1)
        return linearized_primal(s, u, sums, local, penalty, step, weight, self.shrinkage)

    def dual_step(self, k: int) -> Annotated[Tensor, "(P or 1, 1, 1)"]:
        """Return η of each agent, or one for all, (P or 1, 1, 1)."""
        return self.constants(k)[:, 3, None, None]
