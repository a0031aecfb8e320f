"""Gauss–Newton steps up the likelihood, unfolded, with learned step sizes and dampings."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from mbdl_repro.areas.doa.array import SensorArray
from mbdl_repro.areas.doa.learned.unfolded_newton_method import UnfoldedNewtonMethod
from mbdl_repro.areas.doa.signal.likelihood import Sensors
from mbdl_repro.contract.method import Family


class UnfoldedNewton(UnfoldedNewtonMethod):
    """K steps u ← u + μ_k (G(u) + λ_k ḡ I)⁻¹ ∇J(u) up the likelihood J = tr(P R), from ESPRIT.

    u = sin θ, P is the projector on the steering vectors at u, −G the Hessian of J after Gauss and
    Newton, and ḡ its mean diagonal. Trained are μ_k and λ_k, 2K numbers.

    Maps x (n, N, T), complex, to angles (n, M) in rad, rising.

    Source: ours.
    """

    name = "unfolded_newton"
    family = Family.UNFOLDED_HYPERPARAMETERS
    parent = "newton_likelihood"

    def __init__(self, belief: SensorArray, **settings: Any) -> None:
        super().__init__(belief, **settings)
        self.positions: Tensor  # in wavelengths
        self.gains: Tensor
        self.register_buffer("positions", torch.tensor(belief.positions), persistent=False)
        self.register_buffer("gains", torch.tensor(belief.gains), persistent=False)

    @property
    def sensors(self) -> Sensors:
        """The sensors as they are believed to be."""
        return Sensors(self.positions, self.gains)
