"""The exact posterior of each amplitude, by trying every vector."""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor

from mbdl_repro.areas.receivers.linear.detector import LinearDetector, Received
from mbdl_repro.areas.receivers.linear.posterior import answer
from mbdl_repro.areas.receivers.linear.search import all_vectors, scores
from mbdl_repro.areas.receivers.systems.linear_mimo import LinearMimo
from mbdl_repro.contract.method import Family


class SymbolMap(LinearDetector):
    """The most probable amplitude of each stream: no detector that knows H has fewer errors.

    p(s_k | y) = Σ over all vectors with that s_k of p(s | y)

    Args:
        belief: gives σ too.

    Maps x (n, N, T), or (n, N, K + T) with H before what is received, to ŝ (n, K, T): posterior
    means of two amplitudes, of more the most probable one.

    Source: textbook.
    """

    name = "symbol_map"
    family = Family.MODEL_BASED

    def __init__(self, belief: LinearMimo) -> None:
        super().__init__(belief)
        self.noise_variance = belief.noise_std**2
        self.register_buffer("vectors", all_vectors(self.levels, self.n_streams))
        self.vectors: Tensor

    def detected(self, received: Received) -> Annotated[Tensor, "(n, K, T)"]:
        """Return the estimates (n, K, T)."""
        p = (scores(*received, self.vectors) / self.noise_variance).softmax(2)  # (n, T, V)
        holds = (self.vectors[..., None] == self.levels).to(p)  # (V, K, M)
        marginals = torch.einsum("ntv,vkm->nktm", p, holds)
        return answer(marginals.log(), self.levels)
