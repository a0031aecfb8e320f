"""Gradient descent unfolded into a few layers, in each of which a network has its say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import torch
from annotated_types import Ge
from torch import Tensor, nn

from mbdl_repro.areas.linear_estimation.bases import GradientSteps
from mbdl_repro.areas.linear_estimation.scenario import LinearGaussian
from mbdl_repro.areas.linear_estimation.updates import gradient_step
from mbdl_repro.contract.method import Family
from mbdl_repro.contract.scenario import Split
from mbdl_repro.learning.layers import Perceptron


class UnfoldedNetwork(GradientSteps):
    """K steps of gradient descent, each with a correction by its own network.

    s ← s + g + N_k([s; g]),  g = μ_k (Hᵀx/σ² − Q s),  N(z) = W₂ tanh(W₁ z + b₁) + b₂

    Steps and networks are learned. W₂ and b₂ start at 0, where it is gradient descent.

    Args:
        hidden_size: entries of each network's hidden layer.

    Maps x (n, n_observations) to ŝ (n, n_signal).

    Source: Section 5.3, DNN conversion.
    """

    name = "unfolded_network"
    family = Family.UNFOLDED_NETWORK
    parent = "gradient_descent"

    def __init__(
        self, belief: LinearGaussian, *, hidden_size: Annotated[int, Ge(1)] = 20, **settings: Any
    ) -> None:
        super().__init__(belief, **settings)
        m = belief.n_signal
        self.log_step = nn.Parameter(self.first_steps.log())
        self.networks = nn.ModuleList(
            Perceptron((2 * m, hidden_size, m), "tanh") for _ in range(self.iterations)
        )

    @torch.no_grad()
    def initialize(self, train: Split, rng: torch.Generator) -> None:
        """Draw the weights of the hidden layers."""
        for network in self.networks:
            assert isinstance(network, Perceptron)
            network.draw(rng, gain=1, last_gain=0)

    def iterates(
        self, x: Annotated[Tensor, "(n, n_observations)"]
    ) -> Iterator[Annotated[Tensor, "(n, n_signal)"]]:
        """Yield s_0 = 0, s_1, …, s_K (n, n_signal)."""
        b = self.pulled(x)
        s = torch.zeros_like(b)
        yield s
        for step, network in zip(self.log_step.exp(), self.networks, strict=True):
            g = gradient_step(s, b, self.Q, step)
            s = s + g + network(torch.cat((s, g), -1))
            yield s
