"""The closed form of the posterior mean, told by a network how noisy each observation is."""

from __future__ import annotations

from typing import Annotated

import torch
from annotated_types import Ge
from torch import Tensor

from mbdl_repro.areas.linear_estimation.scenario import LinearGaussian
from mbdl_repro.contract.method import Family, Method
from mbdl_repro.contract.scenario import Split
from mbdl_repro.learning.layers import Perceptron

LEAST_POWER = 0.01
"""Added to powers in units of what is believed: the logarithm of none is finite."""


class NoiseNetwork(Method):
    """The posterior mean, with a noise variance that a network estimates from each observation.

    ŝ = C_s Hᵀ U (Λ + r(z) I)⁻¹ z,  z = Uᵀx,  H C_s Hᵀ = U Λ Uᵀ
    log r(z) = log σ² + N(log(z_i² / (λ_i + σ²) + 1/100))

    The network, with one hidden layer of tanh, sees the power of x along each eigenvector, and
    chooses one number; all else is the believed model's. Its last layer starts at 0, where r is
    σ².

    Args:
        belief: states ``observation_matrix``, ``signal_covariance`` and ``noise_std``.
        hidden_size: entries of the hidden layer.

    Maps x (n, n_observations) to ŝ (n, n_signal).

    Source: Section 5.5, DNN-aided inference; Neumann, Wiese and Utschick, 2018, whose network
    chooses the whole covariance, from the same powers.
    """

    name = "noise_network"
    family = Family.DNN_AIDED_INFERENCE
    parent = "linear_mmse"

    rotation: Tensor
    powers: Tensor
    gain: Tensor

    def __init__(self, belief: LinearGaussian, *, hidden_size: Annotated[int, Ge(1)] = 16) -> None:
        super().__init__()
        H, C_s = torch.tensor(belief.matrix), torch.tensor(belief.covariance)
        values, U = torch.linalg.eigh(H @ C_s @ H.mT)
        self.register_buffer("rotation", U)
        self.register_buffer("powers", values.clamp_min(0.0))
        self.register_buffer("gain", C_s @ H.mT @ U)
        self.noise_variance = belief.noise_variance
        self.network = Perceptron((belief.n_observations, hidden_size, 1), "tanh")

    @torch.no_grad()
    def initialize(self, train: Split, rng: torch.Generator) -> None:
        """Draw the weights of the hidden layer."""
        self.network.draw(rng, gain=1, last_gain=0)

    def forward(
        self, x: Annotated[Tensor, "(n, n_observations)"]
    ) -> Annotated[Tensor, "(n, n_signal)"]:
        """Return the estimates of the signals."""
        z = x @ self.rotation
        seen = z.square() / (self.powers + self.noise_variance)
        r = self.noise_variance * self.network((seen + LEAST_POWER).log()).exp()
        return (z / (self.powers + r)) @ self.gain.mT
