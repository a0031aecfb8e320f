"""One set of weights for all looks, from training data."""

from __future__ import annotations

from typing import Annotated

import torch
from annotated_types import Gt
from torch import Tensor, nn

from mbdl_repro.areas.doa.beamforming.beamformer import Beamformer
from mbdl_repro.areas.doa.beamforming.weights import loaded, mvdr_weights
from mbdl_repro.areas.doa.systems.look import Look
from mbdl_repro.contract.method import ClosedFormMethod, Family
from mbdl_repro.contract.scenario import Split


class FixedBeamformer(Beamformer, ClosedFormMethod):
    """Weights of least power over the training set, which leave the target as it is.

    w = R̄⁻¹ 1 / (1ᵀ R̄⁻¹ 1),  R̄ = mean of (x_t − 1 s_t)(x_t − 1 s_t)ᴴ

    Args:
        belief: gives N.
        loading: share of the mean power that is added to each sensor.

    Maps x (n, N, T), complex, to ŝ (n, T), complex.

    Source: textbook; Section 5.1, generative learning.
    """

    name = "fixed_beamformer"
    family = Family.GENERATIVE_LEARNING
    parent = "delay_and_sum"

    def __init__(self, belief: Look, *, loading: Annotated[float, Gt(0)] = 1e-6) -> None:
        super().__init__(belief)
        self.loading = loading
        start = torch.full((self.n_sensors,), 1 / self.n_sensors, dtype=torch.complex128)
        self.w = nn.Parameter(torch.view_as_real(start).clone())

    def solve(self, train: Split) -> None:
        """Fit the weights to x (n, N, T) and s (n, T)."""
        others = (train.x - train.s[:, None]).to(torch.complex128).movedim(1, 0).flatten(1)
        R = others @ others.mH / others.shape[1]
        self.w.copy_(torch.view_as_real(mvdr_weights(loaded(R, self.loading))))

    def weights(self, x: Annotated[Tensor, "(n, N, T)"]) -> Annotated[Tensor, "(1, N)"]:
        """Return w (1, N)."""
        return torch.view_as_complex(self.w)[None]
