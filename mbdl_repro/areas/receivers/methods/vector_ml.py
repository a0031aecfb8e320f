"""Maximum likelihood, by trying every vector."""

from __future__ import annotations

from typing import Annotated

from torch import Tensor

from mbdl_repro.areas.receivers.linear.detector import LinearDetector, Received
from mbdl_repro.areas.receivers.linear.search import all_vectors, scores
from mbdl_repro.areas.receivers.systems.linear_mimo import LinearMimo
from mbdl_repro.contract.method import Family


class VectorMl(LinearDetector):
    """The vector of greatest likelihood, out of all there are.

    ŝ = argmin ‖y − H s‖²

    Maps x (n, N, T), or (n, N, K + T) with H before what is received, to ŝ (n, K, T), amplitudes.

    Source: textbook.
    """

    name = "vector_ml"
    family = Family.MODEL_BASED

    def __init__(self, belief: LinearMimo) -> None:
        super().__init__(belief)
        self.register_buffer("vectors", all_vectors(self.levels, self.n_streams))
        self.vectors: Tensor

    def detected(self, received: Received) -> Annotated[Tensor, "(n, K, T)"]:
        """Return the best vectors (n, K, T)."""
        return self.vectors[scores(*received, self.vectors).argmax(2)].mT
