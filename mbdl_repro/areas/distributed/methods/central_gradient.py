"""Gradient steps of one who has the examples of all clients."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import numpy as np
from torch import Tensor

from mbdl_repro.areas.distributed.federation.base import FederatedMethod, Federation
from mbdl_repro.areas.distributed.federation.updates import Clients, local_models
from mbdl_repro.contract.method import Family


class CentralGradient(FederatedMethod):
    """Gradient steps on the mean cross entropy of all examples, in one place.

    W ← W − μ γᵗ ∇ (1/M) Σ_i −log softmax(W v_i)_{y_i};  a round has as many as a client on average

    Maps x (n, M + q, d + C) to probabilities of the queries' classes (n, q, C).

    Source: textbook.
    """

    name = "central_gradient"
    family = Family.MODEL_BASED

    def present(self, x: Annotated[Tensor, "(n, M + q, d + C)"]) -> None:
        """Return ``None``: nobody sends anything, and so nothing is lost."""

    def rounds(self, federation: Federation) -> Iterator[Annotated[Tensor, "(n, C, d + 1)"]]:
        """Yield the model (n, C, d + 1), after each round.

        Args:
            federation: what there is in each row.
        """
        features, labels = (part[:, None] for part in federation[:2])
        everyone = Clients(features, labels, features.new_full((1,), features.shape[3]))
        W = federation.start()
        steps = (round(float(np.mean(self.local_steps))),)
        for t in range(self.iterations):
            W = local_models(W, everyone, steps, self.step_size(t))[:, 0]
            yield W
