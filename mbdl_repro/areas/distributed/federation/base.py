"""What methods of a federation share: who the clients are, rounds, and answers to queries."""

from __future__ import annotations

import itertools
from abc import abstractmethod
from collections.abc import Iterator
from typing import Annotated, Any, Literal, NamedTuple

import torch
from annotated_types import Ge, Gt
from torch import Tensor

from mbdl_repro.areas.distributed.federation.updates import (
    Clients,
    cross_entropy,
    local_models,
    moved,
    received_weights,
)
from mbdl_repro.areas.distributed.network import drawn_by_rows
from mbdl_repro.areas.distributed.systems.federated_clients import FederatedClients
from mbdl_repro.contract.method import IterativeMethod


class Federation(NamedTuple):
    """What there is in each row."""

    features: Tensor  # (n, d + 1, M), of all examples, the last of them 1
    labels: Tensor  # (n, C, M)
    queries: Tensor  # (n, d + 1, q)
    present: Tensor | None  # (n, T, K): 1 where a client's model arrives, else 0; None: all do

    def start(self) -> Annotated[Tensor, "(n, C, d + 1)"]:
        """Return the model that each row starts from, 0 (n, C, d + 1)."""
        n, C, _ = self.labels.shape
        return self.queries.new_zeros(n, C, self.queries.shape[1])


class FederatedMethod(IterativeMethod):
    """Softmax regression, learned in T rounds from 0 for each row, that answers its queries.

    Args:
        belief: says how many examples each client has, how many steps it takes in a round, and how
            likely it is heard.
        iterations: T, number of rounds.
        step: μ, of a gradient step on a mean cross entropy, in the first round.
        decay: γ; round t, counted from 0, has steps of size μ γᵗ.

    Maps x (n, M + q, d + C) to probabilities of the queries' classes (n, q, C).
    """

    def __init__(
        self,
        belief: FederatedClients,
        *,
        iterations: Annotated[int, Ge(1)] = 10,
        step: Annotated[float, Gt(0)] = 0.5,
        decay: Annotated[float, Gt(0)] = 1.0,
    ) -> None:
        super().__init__()
        self.iterations: int = iterations
        self.steps = [step * decay**t for t in range(iterations)]
        self.sizes = belief.sizes
        self.local_steps = belief.clients.local_steps
        self.row_shape = (sum(self.sizes) + belief.n_queries, belief.n_features + belief.n_classes)
        self.n_features = belief.n_features
        probability = torch.tensor(belief.clients.link_probability, dtype=torch.float64)
        self.register_buffer("link_probability", probability, persistent=False)
        self.link_probability: Tensor

    @abstractmethod
    def rounds(self, federation: Federation) -> Iterator[Annotated[Tensor, "(n, C, d + 1)"]]:
        """Yield the server's model (n, C, d + 1), after each round.

        Args:
            federation: what there is in each row.
        """

    def step_size(self, t: int) -> Tensor | float:
        """Return the size of the steps in a round.

        Args:
            t: the round, counted from 0.
        """
        return self.steps[t]

    def present(
        self, x: Annotated[Tensor, "(n, M + q, d + C)"]
    ) -> Annotated[Tensor, "(n, T, K)"] | None:
        """Return 1 where a client's model arrives, else 0 (n, T, K); ``None``: all do.

        Args:
            x: rows, which name the streams that this is drawn from.
        """
        if (self.link_probability == 1).all():
            return None
        drawn = drawn_by_rows(x, (self.iterations, len(self.sizes)))
        return (drawn < self.link_probability).to(x)

    def federation(
        self,
        x: Annotated[Tensor, "(n, M + q, d + C)"],
        present: Annotated[Tensor, "(n, T, K)"] | None,
    ) -> Federation:
        """Return what there is in rows.

        Args:
            x: rows (n, M + q, d + C).
            present: 1 where a client's model arrives, else 0 (n, T, K); ``None``: all do.
        """
        d, M = self.n_features, sum(self.sizes)
        features = torch.cat([x[..., :d], torch.ones_like(x[..., :1])], 2).mT
        return Federation(features[..., :M], x[:, :M, d:].mT, features[..., M:], present)

    def iterates(
        self, x: Annotated[Tensor, "(n, M + q, d + C)"]
    ) -> Iterator[Annotated[Tensor, "(n, q, C)"]]:
        """Yield probabilities (n, q, C) of x (n, M + q, d + C): all alike, then after each round.

        Raises:
            ValueError: says what shape the observations should have.
        """
        if tuple(x.shape[1:]) != self.row_shape:
            raise ValueError(
                f"observations have the shape {tuple(x.shape)}: should be (n, "
                f"{', '.join(map(str, self.row_shape))}), {self.row_shape[0]} examples and "
                f"queries with {self.n_features} features and a label"
            )
        bad = ~torch.isfinite(x).flatten(1).all(1)[:, None, None]
        seen = torch.where(bad, 0.0, x)
        federation = self.federation(seen, self.present(seen))
        for W in itertools.chain([federation.start()], self.rounds(federation)):
            yield torch.softmax(W @ federation.queries, -2).mT.masked_fill(bad, torch.nan)

    def loss(
        self, x: Annotated[Tensor, "(n, M + q, d + C)"], s: Annotated[Tensor, "(n, q, C)"]
    ) -> Tensor:
        """Return the cross entropy of the queries after the last round, by which steps are tuned.

        Args:
            x: rows (n, M + q, d + C).
            s: labels of the queries (n, q, C).
        """
        federation = self.federation(x, self.present(x))
        *_, W = self.rounds(federation)
        return cross_entropy(W, federation.queries, s.mT)


class Averaging(FederatedMethod):
    """Clients take gradient steps from the server's model, and the server averages their models.

    W_k ← τ_k steps of size μ γᵗ from W on client k's examples,  W ← W + Σ_k w_k (W_k − W)

    Args:
        absent: clients whose model does not arrive. ``stale``: count with the model that they were
            sent, as if they had changed nothing. ``left_out``: weights of the others are scaled up
            to a sum of 1.
    """

    def __init__(
        self,
        belief: FederatedClients,
        *,
        absent: Literal["stale", "left_out"] = "stale",
        **settings: Any,
    ) -> None:
        super().__init__(belief, **settings)
        self.stale = absent == "stale"
        sizes = torch.tensor(self.sizes, dtype=torch.float64)
        self.register_buffer("counts", sizes, persistent=False)
        places = torch.arange(max(self.sizes)).expand(len(sizes), -1)
        self.register_buffer("filled", (places < sizes[:, None]).double(), persistent=False)
        starts = sizes.cumsum(0) - sizes
        index = torch.where(self.filled > 0, places + starts[:, None], 0).long()
        self.register_buffer("index", index, persistent=False)
        self.counts: Tensor
        self.filled: Tensor
        self.index: Tensor

    def weights(self, t: int) -> Annotated[Tensor, "(K,)"]:
        """Return the clients' weights in a round (K,), which add up to 1; by default N_k/M.

        Args:
            t: the round, counted from 0.
        """
        return self.counts / self.counts.sum()

    def balanced(
        self, weights: Annotated[Tensor, "(n, K)"] | Tensor
    ) -> Annotated[Tensor, "(n, K)"] | Tensor:
        """Return by what changes of clients are multiplied, given their weights (n, K) or (K,)."""
        return weights

    def rounds(self, federation: Federation) -> Iterator[Annotated[Tensor, "(n, C, d + 1)"]]:
        """Yield the server's model (n, C, d + 1), after each round.

        Args:
            federation: what there is in each row.
        """
        features, labels = (
            (part[:, :, self.index] * self.filled).transpose(1, 2) for part in federation[:2]
        )
        own = Clients(features, labels, self.counts)
        W = federation.start()
        for t in range(self.iterations):
            models = local_models(W, own, self.local_steps, self.step_size(t))
            there = None if federation.present is None else federation.present[:, t]
            weights = received_weights(self.weights(t), there, self.stale)
            W = moved(W, models, self.balanced(weights))
            yield W
