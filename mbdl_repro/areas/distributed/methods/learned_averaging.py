"""Federated averaging unfolded, with the weights of clients learned for each round."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import torch
from torch import Tensor, nn

from mbdl_repro.areas.distributed.federation.base import Averaging
from mbdl_repro.areas.distributed.federation.updates import cross_entropy
from mbdl_repro.areas.distributed.systems.federated_clients import FederatedClients
from mbdl_repro.contract.method import Family, Split


class LearnedAveraging(Averaging):
    """Rounds of federated averaging, each with weights of the clients of its own.

    W ← W + Σ_k w_{k,t} (W_k − W),  w_{k,t} = θ_{k,t}²/Σ_j θ_{j,t}²,  from θ_{k,t} = √(N_k/M)

    Gradients go through all rounds. In published code they go through the averages alone, as if
    what clients find did not depend on the model that they were sent.

    Args:
        objective: ``training``: the cross entropy of all examples, added up over rounds, as
            published; ``queries``: of the queries after the last round.
        learn_step: whether the step size of each round is learned as well, from μ γᵗ on; T numbers
            more than T K.

    Maps x (n, M + q, d + C) to probabilities of the queries' classes (n, q, C).

    Source: Nakai-Kasai and Wadayama, 2023, "Deep unfolding-based weighted averaging for federated
    learning in heterogeneous environments".
    """

    name = "learned_averaging"
    family = Family.UNFOLDED_HYPERPARAMETERS
    parent = "fedavg"

    def __init__(
        self,
        belief: FederatedClients,
        *,
        objective: Literal["training", "queries"] = "training",
        learn_step: bool = False,
        **settings: Any,
    ) -> None:
        super().__init__(belief, **settings)
        self.objective = objective
        self.root_weight = nn.Parameter(super().weights(0).sqrt().repeat(self.iterations, 1))
        steps = torch.tensor(self.steps, dtype=torch.float64)
        self.log_step: Tensor
        if learn_step:
            self.log_step = nn.Parameter(steps.log())
        else:
            self.register_buffer("log_step", steps.log(), persistent=False)

    def weights(self, t: int) -> Annotated[Tensor, "(K,)"]:
        """Return the clients' weights in a round (K,), which add up to 1."""
        squares = self.root_weight[t].square()
        return squares / squares.sum()

    def step_size(self, t: int) -> Tensor:
        """Return the size of the steps in a round."""
        return self.log_step[t].exp()

    def prepare(self, split: Split) -> Split:
        """Return rows with who is heard in them, (n, (M + q) (d + C) + T K), and the targets.

        Args:
            split: rows x (n, M + q, d + C) and targets s (n, q, C).
        """
        present = self.present(split.x)
        rows = split.x.flatten(1)
        return Split(rows if present is None else torch.cat([rows, present.flatten(1)], 1), split.s)

    def loss(
        self,
        x: Annotated[Tensor, "(n, (M + q) (d + C) + T K)"],
        s: Annotated[Tensor, "(n, q, C)"],
    ) -> Tensor:
        """Return the objective, a mean over rows.

        Args:
            x: what :meth:`prepare` makes of rows (n, (M + q) (d + C) + T K).
            s: labels of the queries (n, q, C).
        """
        rows, present = x.tensor_split([self.row_shape[0] * self.row_shape[1]], 1)
        links = present.unflatten(1, self.root_weight.shape) if present.shape[1] else None
        federation = self.federation(rows.unflatten(1, self.row_shape), links)
        models = list(self.rounds(federation))
        if self.objective == "queries":
            return cross_entropy(models[-1], federation.queries, s.mT)
        features, labels = federation.features, federation.labels
        return torch.stack([cross_entropy(W, features, labels) for W in models]).sum()
