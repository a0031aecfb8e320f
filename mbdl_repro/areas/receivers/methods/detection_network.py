"""The black box: a network from what is received, and told, to all amplitudes."""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor

from mbdl_repro.areas.receivers.learned.user_bank import cross_entropy
from mbdl_repro.areas.receivers.linear.detector import BlindDetector, marked
from mbdl_repro.areas.receivers.linear.posterior import answer
from mbdl_repro.areas.receivers.systems.linear_mimo import LinearMimo
from mbdl_repro.contract.method import Family
from mbdl_repro.contract.scenario import Split
from mbdl_repro.learning.layers import Perceptron


class DetectionNetwork(BlindDetector):
    """A multilayer perceptron to the probabilities of each stream's amplitudes.

    p_k = softmax N_k(y),  or N_k(y, Hᵀy, HᵀH) where each row tells its H

    Args:
        belief: gives the amplitudes, and how many values are sent and received at a time.
        hidden_widths: entries of the hidden layers, ReLU.

    Maps x (n, N, T), or (n, N, K + T) with H before what is received, to ŝ (n, K, T): means of two
    amplitudes, of more the most probable one.

    Source: ours, after Section 4.
    """

    name = "detection_network"
    family = Family.DEEP_LEARNING

    def __init__(self, belief: LinearMimo, *, hidden_widths: tuple[int, ...] = (100, 100)) -> None:
        super().__init__(belief)
        K, M = self.n_streams, len(self.levels)
        rows, columns = torch.triu_indices(K, K)
        self.register_buffer("upper", rows * K + columns, persistent=False)
        self.upper: Tensor
        told = K + len(self.upper) if self.told else 0
        self.network = Perceptron((self.n_observations + told, *hidden_widths, K * M))

    def initialize(self, train: Split, rng: torch.Generator) -> None:
        """Draw the weights."""
        self.network.draw(rng, gain=2, last_gain=1)

    def log_posterior(self, x: Annotated[Tensor, "(n, N, C)"]) -> Annotated[Tensor, "(n, K, T, M)"]:
        """Return log p of each amplitude (n, K, T, M).

        Args:
            x: observations (n, N, C), C = T, or K + T with H before.
        """
        y = self.values(x)
        seen = [y]
        if self.told:
            H = x[..., : self.n_streams]
            gram = (H.mT @ H).flatten(1)[:, self.upper]
            seen += [H.mT @ y, gram[..., None].expand(*gram.shape, y.shape[2])]
        logits = self.network(torch.cat(seen, 1).mT)  # (n, T, K M)
        return logits.unflatten(2, (self.n_streams, -1)).log_softmax(3).transpose(1, 2)

    def forward(self, x: Annotated[Tensor, "(n, N, C)"]) -> Annotated[Tensor, "(n, K, T)"]:
        """Return the estimates (n, K, T) of x (n, N, C); NaN in a row that is not finite."""
        self.check(x)
        return marked(x, answer(self.log_posterior(x), self.levels))

    def loss(self, x: Annotated[Tensor, "(n, N, C)"], s: Annotated[Tensor, "(n, K, T)"]) -> Tensor:
        """Return the cross-entropy of amplitudes, in nats, summed over streams.

        Args:
            x: observations (n, N, C), C = T, or K + T with H before.
            s: amplitudes (n, K, T).
        """
        return cross_entropy(self.log_posterior(x), s, self.levels)
