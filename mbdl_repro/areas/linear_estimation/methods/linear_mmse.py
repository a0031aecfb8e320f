"""The estimator that knows the whole model."""

from __future__ import annotations

from typing import Annotated

import torch
from annotated_types import Gt
from torch import Tensor

from mbdl_repro.areas.linear_estimation.scenario import LinearGaussian
from mbdl_repro.areas.linear_estimation.updates import linear_mmse_gain
from mbdl_repro.contract.method import Family, Method


class LinearMMSE(Method):
    """The posterior mean of the signal under the believed model.

    ŝ = C_s Hᵀ (H C_s Hᵀ + c σ² I)⁻¹ x,  with c = 1

    Args:
        belief: states ``observation_matrix``, ``signal_covariance`` and ``noise_std``.
        noise_scale: c; another than 1 serves who does not trust what is believed.

    Maps x (n, n_observations) to ŝ (n, n_signal).

    Source: Section 5.1, the MMSE estimator.
    """

    name = "linear_mmse"
    family = Family.MODEL_BASED

    gain: Tensor

    def __init__(
        self, belief: LinearGaussian, *, noise_scale: Annotated[float, Gt(0)] = 1.0
    ) -> None:
        super().__init__()
        H, C_s = torch.tensor(belief.matrix), torch.tensor(belief.covariance)
        self.register_buffer("gain", linear_mmse_gain(H, C_s, noise_scale * belief.noise_variance))

    def forward(
        self, x: Annotated[Tensor, "(n, n_observations)"]
    ) -> Annotated[Tensor, "(n, n_signal)"]:
        """Return the estimates of the signals."""
        return x @ self.gain.mT
