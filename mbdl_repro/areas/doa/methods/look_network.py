"""The black box: a network from a look's snapshots to the target."""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor

from mbdl_repro.areas.doa.beamforming.beamformer import TargetEstimator
from mbdl_repro.areas.doa.learned.snapshots_network import (
    Invariance,
    SnapshotsNetwork,
    normalized,
)
from mbdl_repro.areas.doa.systems.look import Look
from mbdl_repro.contract.method import Family
from mbdl_repro.contract.scenario import Split
from mbdl_repro.learning.layers import Affine


class LookNetwork(TargetEstimator):
    """A network of ABLE's layers that answers with the target itself, and not with weights.

    ŝ_t = c_t g_θ(x_t / c_t, mean over snapshots),  c_t: a row's level, the phase of Σ_n x_nt

    Args:
        belief: gives N.
        hidden_widths: entries of the hidden layers.
        invariance: what is taken off snapshots before the network sees them: level and ``phase``,
            or ``level`` alone.

    Maps x (n, N, T), complex, to ŝ (n, T), complex.

    Source: ours, after Section 4.
    """

    name = "look_network"
    family = Family.DEEP_LEARNING

    def __init__(
        self,
        belief: Look,
        *,
        hidden_widths: tuple[int, ...] = (64, 32, 32),
        invariance: Invariance = "phase",
    ) -> None:
        super().__init__(belief)
        self.invariance: Invariance = invariance
        self.network = SnapshotsNetwork(self.n_sensors, hidden_widths)
        self.own = Affine(self.network.n_out, 2, torch.zeros(2, dtype=torch.float64))
        self.of_all = Affine(self.network.n_out, 2, torch.zeros(2, dtype=torch.float64))

    def initialize(self, train: Split, rng: torch.Generator) -> None:
        """Draw the weights of all layers but the last."""
        self.network.draw(rng)

    def forward(self, x: Annotated[Tensor, "(n, N, T)"]) -> Annotated[Tensor, "(n, T)"]:
        """Return ŝ (n, T)."""
        z, c = normalized(self.checked(x), self.invariance)
        features = self.network(z)
        parts = self.own(features) + self.of_all(features.mean(1, keepdim=True))
        return c * torch.view_as_complex(parts.contiguous())
