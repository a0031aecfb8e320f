"""The closed form of the posterior mean, whose model is learned for the error of the estimate."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
import torch
from torch import Tensor, nn

from mbdl_repro.areas.linear_estimation.scenario import LinearGaussian
from mbdl_repro.areas.linear_estimation.spectrum import prior_precision
from mbdl_repro.areas.linear_estimation.updates import (
    linear_mmse_gain,
    lower_triangle,
    triangular,
)
from mbdl_repro.contract.method import Family, Method


class LearnedMmse(Method):
    """The posterior mean of a model that is learned by gradient through its closed form.

    ŝ = C Hᵀ (H C Hᵀ + R)⁻¹ x,  with C, R and H such that ‖ŝ − s‖² is least on training pairs

    Generative learning asks of the model that it explains pairs; here it is asked for good
    estimates, so that what is wrong of one part may be made up for by another.

    Args:
        belief: states ``observation_matrix``, ``signal_covariance`` and ``noise_std``.
        learn: ``scales``: three numbers, v, ρ and r of C_ij = v ρ^|i − j| and R = r I;
            ``covariances``: C = L Lᵀ with L lower triangular, and R diagonal; ``all``: H as
            well.

    Maps x (n, n_observations) to ŝ (n, n_signal).

    Source: Section 5.2, learned optimization; the estimator is Section 5.1's.
    """

    name = "learned_mmse"
    family = Family.LEARNED_OPTIMIZATION
    parent = "linear_mmse"

    def __init__(
        self,
        belief: LinearGaussian,
        *,
        learn: Literal["scales", "covariances", "all"] = "covariances",
    ) -> None:
        super().__init__()
        self.learn = learn
        self.n_signal = belief.n_signal
        H = torch.tensor(belief.matrix)
        self.observation_matrix = nn.Parameter(H, requires_grad=learn == "all")
        n = () if learn == "scales" else (belief.n_observations,)
        variance = torch.full(n, belief.noise_variance, dtype=torch.float64)
        self.log_noise_variance = nn.Parameter(variance.log())
        if learn == "scales":
            power, correlation = _powers_of(belief.covariance)
            self.log_power = nn.Parameter(torch.tensor(power, dtype=torch.float64).log())
            # Between −1 and 1, whatever is learned.
            share = torch.tensor(correlation, dtype=torch.float64)
            self.atanh_correlation = nn.Parameter(share.atanh())
        else:
            prior_precision(belief)  # refuses what has no triangular root
            root = torch.linalg.cholesky(torch.tensor(belief.covariance))
            self.covariance_root = nn.Parameter(lower_triangle(root))

    def learned_covariance(self) -> Annotated[Tensor, "(n_signal, n_signal)"]:
        """Return C, (n_signal, n_signal)."""
        m = self.n_signal
        if self.learn == "scales":
            i = torch.arange(m, device=self.device)
            correlation = self.atanh_correlation.tanh()
            return self.log_power.exp() * correlation ** (i[:, None] - i).abs()
        L = triangular(self.covariance_root, m)
        return L @ L.mT

    def forward(
        self, x: Annotated[Tensor, "(n, n_observations)"]
    ) -> Annotated[Tensor, "(n, n_signal)"]:
        """Return the estimates of the signals."""
        R = self.log_noise_variance.exp()
        return x @ linear_mmse_gain(self.observation_matrix, self.learned_covariance(), R).mT


def _powers_of(covariance: np.ndarray) -> tuple[float, float]:
    """Return v and ρ of a covariance v ρ^|i − j|.

    Raises:
        ValueError: if it is another.
    """
    i = np.arange(len(covariance))
    power = float(covariance[0, 0])
    correlation = float(covariance[0, 1]) / power if len(covariance) > 1 and power else 0.0
    expected = power * correlation ** np.abs(i[:, None] - i)
    if power <= 0 or abs(correlation) >= 1 or not np.allclose(covariance, expected, rtol=1e-9):
        raise ValueError(
            "signal_covariance has other entries than v ρ^|i − j|, which learn: scales starts "
            "from: give exponential or identity, or learn: covariances"
        )
    return power, correlation
