"""The closed form of the posterior mean, and a network that corrects it."""

from __future__ import annotations

from typing import Annotated

import torch
from annotated_types import Ge
from torch import Tensor

from mbdl_repro.areas.linear_estimation.scenario import LinearGaussian
from mbdl_repro.areas.linear_estimation.updates import linear_mmse_gain, whitener_of
from mbdl_repro.contract.method import Family, Method
from mbdl_repro.contract.scenario import Split
from mbdl_repro.learning.layers import Perceptron

INPUT_SCALE = 0.1
"""Of whitened observations: so small that tanh is nearly the identity, as the best rule is."""


class AugmentedMmse(Method):
    """The posterior mean of the assumed model, plus a network's correction from the observation.

    ŝ = G x + W₂ tanh(W₁ z + b₁) + b₂,  z = C_xx^(−½) x / 10,  C_xx = H C_s Hᵀ + σ² I

    W₂ and b₂ start at 0, where it is the posterior mean.

    Args:
        belief: states ``observation_matrix``, ``signal_covariance`` and ``noise_std``.
        hidden_size: entries of the hidden layer.

    Maps x (n, n_observations) to ŝ (n, n_signal).

    Source: Section 5.5, neural augmentation.
    """

    name = "augmented_mmse"
    family = Family.NEURAL_AUGMENTATION
    parent = "linear_mmse"

    gain: Tensor
    whitener: Tensor

    def __init__(self, belief: LinearGaussian, *, hidden_size: Annotated[int, Ge(1)] = 64) -> None:
        super().__init__()
        H, C_s = torch.tensor(belief.matrix), torch.tensor(belief.covariance)
        self.register_buffer("gain", linear_mmse_gain(H, C_s, belief.noise_variance))
        self.register_buffer("whitener", whitener_of(H, C_s, belief.noise_variance))
        self.network = Perceptron((belief.n_observations, hidden_size, belief.n_signal), "tanh")

    @torch.no_grad()
    def initialize(self, train: Split, rng: torch.Generator) -> None:
        """Draw the weights of the hidden layer."""
        self.network.draw(rng, gain=1, last_gain=0)

    def forward(
        self, x: Annotated[Tensor, "(n, n_observations)"]
    ) -> Annotated[Tensor, "(n, n_signal)"]:
        """Return the estimates of the signals."""
        return x @ self.gain.mT + self.network(INPUT_SCALE * (x @ self.whitener))
