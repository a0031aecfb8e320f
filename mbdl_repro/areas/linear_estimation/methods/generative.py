"""The estimator that learns what it lacks of the model, and derives its rule from it."""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor, nn

from mbdl_repro.areas.linear_estimation.scenario import LinearGaussian
from mbdl_repro.areas.linear_estimation.updates import linear_mmse_gain, linear_regression
from mbdl_repro.contract.method import ClosedFormMethod, Family, Split


class Generative(ClosedFormMethod):
    """The posterior mean under a model whose matrix and noise mean are fitted to data.

    ŝ = C_s Ĥᵀ (Ĥ C_s Ĥᵀ + σ² I)⁻¹ (x - μ̂),  Ĥ = Ĉ_xs Ĉ_ss⁻¹,  μ̂ = x̄ - Ĥ s̄

    Ĥ and μ̂ are the maximum-likelihood estimates from pairs with x = H s + w, w ~ N(μ, σ² I).
    Before it is fitted (Ĥ = 0) its estimate is the signal's mean, 0.

    Args:
        belief: states ``signal_covariance`` and ``noise_std``, right or wrong, and the numbers
            of entries; ``observation_matrix`` is not read.

    Maps x (n, n_observations) to ŝ (n, n_signal).

    Source: Section 5.1, generative learning.
    """

    name = "generative"
    family = Family.GENERATIVE_LEARNING

    signal_covariance: Tensor

    def __init__(self, belief: LinearGaussian) -> None:
        super().__init__()
        shape = (belief.n_observations, belief.n_signal)
        self.observation_matrix = nn.Parameter(torch.zeros(shape, dtype=torch.float64))  # Ĥ
        self.noise_mean = nn.Parameter(torch.zeros(shape[0], dtype=torch.float64))  # μ̂
        self.register_buffer("signal_covariance", torch.tensor(belief.covariance))
        self.noise_variance = belief.noise_variance

    def forward(
        self, x: Annotated[Tensor, "(n, n_observations)"]
    ) -> Annotated[Tensor, "(n, n_signal)"]:
        """Return the estimates of the signals."""
        G = linear_mmse_gain(self.observation_matrix, self.signal_covariance, self.noise_variance)
        return (x - self.noise_mean) @ G.mT

    def solve(self, train: Split) -> None:
        """Fit the affine map of signals to observations."""
        H, mean = linear_regression(train.s, train.x)
        self.observation_matrix.copy_(H)
        self.noise_mean.copy_(mean)
