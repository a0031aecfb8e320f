"""Who hears whom: messages between agents, and what weighs them."""

from __future__ import annotations

from typing import Annotated

import numpy as np
import torch
from torch import Tensor

from mbdl_repro.contract.hashing import digest
from mbdl_repro.contract.seeding import rng_for


class Messages:
    """What agents have heard of each other in a run, vectors (P, n, N).

    Args:
        weights: with which agent p adds up what it hears of agent j, (P, P).
        arrived: whether the message of j to p in iteration k does, for each row, (K, P, P, n);
            ``None``: all do.
    """

    def __init__(
        self,
        weights: Annotated[Tensor, "(P, P)"],
        arrived: Annotated[Tensor, "(K, P, P, n)"] | None = None,
    ) -> None:
        self.weights = weights
        self.arrived = arrived
        self.heard: Tensor | None = None  # (P, P, n, N): by p, of j
        self.sent: Tensor | None = None  # (P, n, N)

    def send(
        self, v: Annotated[Tensor, "(P, n, N)"], k: int, senders: Tensor | None = None
    ) -> None:
        """Send a vector of each agent to its neighbours.

        Args:
            v: vectors (P, n, N).
            k: the iteration, counted from 0.
            senders: numbers of those that send; ``None``: all.
        """
        self.sent = v
        if self.arrived is None:
            return
        if self.heard is None:
            self.heard = v.new_zeros(len(v), *v.shape)
        now = self.arrived[k]
        if senders is not None:
            sends = torch.zeros(len(v), dtype=torch.bool, device=v.device)
            sends[senders] = True
            now = now & sends[None, :, None]
        self.heard = torch.where(now[..., None], v[None], self.heard)

    def sums(self, agents: Tensor | None = None) -> Annotated[Tensor, "(c, n, N)"]:
        """Return Σ_j a_pj v_j of what was heard last (c, n, N).

        Args:
            agents: numbers of those that ask, c of them; ``None``: all.
        """
        assert self.sent is not None
        weights = self.weights if agents is None else self.weights[agents]
        if self.heard is None:
            return (weights @ self.sent.flatten(1)).view(len(weights), *self.sent.shape[1:])
        heard = self.heard if agents is None else self.heard[agents]
        return torch.einsum("pj,pjni->pni", weights, heard)


def arrivals(
    x: Annotated[Tensor, "(n, P, m)"], iterations: int, loss_probability: float
) -> Annotated[Tensor, "(K, P, P, n)"] | None:
    """Draw which messages arrive, from streams that rows of observations name.

    Args:
        x: observations (n, P, m).
        iterations: K.
        loss_probability: of a message not to arrive.

    Returns:
        Truth values (K, P, P, n); ``None`` where none is lost.
    """
    if not loss_probability:
        return None
    P = x.shape[1]
    return drawn_by_rows(x, (iterations, P, P)).movedim(0, 3) >= loss_probability


def drawn_by_rows(
    x: Annotated[Tensor, "(n, ...)"], size: tuple[int, ...]
) -> Annotated[Tensor, "(n, *size)"]:
    """Draw numbers between 0 and 1 from streams that rows of observations name, (n, *size).

    Args:
        x: observations (n, ...).
        size: how many for each row.
    """
    rows = np.ascontiguousarray(x.detach().cpu().double().numpy())
    drawn = [rng_for("messages", digest(row.tobytes())).random(size) for row in rows]
    return torch.as_tensor(np.stack(drawn), device=x.device)


def colours(adjacency: Annotated[np.ndarray, "(P, P)"]) -> list[list[int]]:
    """Return groups of agents no two of which are neighbours: each takes the first it may.

    Args:
        adjacency: of the graph (P, P).

    Source: textbook, greedy colouring.
    """
    groups: list[list[int]] = []
    for agent, row in enumerate(adjacency):
        free = (group for group in groups if not row[group].any())
        group = next(free, None)
        if group is None:
            groups.append([agent])
        else:
            group.append(agent)
    return groups


def mixing_weights(
    adjacency: Annotated[np.ndarray, "(P, P)"],
) -> Annotated[np.ndarray, "(P, P)"]:
    """Return Metropolis weights W (P, P), symmetric, whose rows sum to 1.

    w_pj = 1/(1 + max(D_p, D_j)) of neighbours, w_pp = 1 − Σ_j w_pj

    Args:
        adjacency: of the graph (P, P).

    Source: Xiao, Boyd and Lall, 2005.
    """
    degrees = adjacency.sum(1)
    W: np.ndarray = adjacency / (1 + np.maximum(degrees[:, None], degrees))
    return W + np.diag(1 - W.sum(1))
