"""Neural belief propagation: the messages of checks have weights that are learned."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import torch
from torch import Tensor, nn

from mbdl_repro.areas.receivers.decoding.message_passing import MessagePassing
from mbdl_repro.areas.receivers.systems.coded_words import CodedWords
from mbdl_repro.contract.method import Family


class NeuralBeliefPropagation(MessagePassing):
    """T iterations of belief propagation, unfolded, in which messages have learned weights.

    μ_{c→v} = w_e^t f(ν_{v'→c}: v' ≠ v),  L_v = 2 x_v / σ² + Σ_c μ_{c→v},  ν_{v→c} = L_v − μ_{c→v}

    Before training all weights are ``scale``, and it is belief propagation. A weight belongs to a
    message wherever it goes; the first published network has one for each pair of edges.

    Args:
        weights: how many there are: ``one``; one ``per_iteration``; one ``per_edge``, the same in
            all iterations; or one ``per_edge_and_iteration``.

    Maps x (n, N) to means in [−1, 1] (n, N).

    Source: Nachmani, Be'ery and Burshtein, 2016; Section 5.3.
    """

    name = "neural_belief_propagation"
    family = Family.UNFOLDED_OBJECTIVE
    parent = "belief_propagation"

    edges: Tensor

    def __init__(
        self,
        belief: CodedWords,
        *,
        weights: Literal["one", "per_iteration", "per_edge", "per_edge_and_iteration"] = "per_edge",
        **settings: Any,
    ) -> None:
        super().__init__(belief, **settings)
        here = ~self.graph.is_missing[..., 0]
        n_edges = int(here.sum()) if "edge" in weights else 1
        edges = torch.zeros(here.shape, dtype=torch.long)
        if n_edges > 1:
            edges[here] = torch.arange(n_edges)
        self.register_buffer("edges", edges)
        shape = (self.iterations if "iteration" in weights else 1, n_edges)
        self.w = nn.Parameter(torch.full(shape, self.scale, dtype=torch.float64))

    def scales(self) -> Iterator[Tensor]:
        """Yield w_e^t of each iteration (m, d, 1)."""
        for w in self.w.expand(self.iterations, -1):
            yield w[self.edges][..., None]
