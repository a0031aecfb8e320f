"""ABLE: a network in place of the inverse of the adaptive beamformer."""

from __future__ import annotations

from typing import Annotated

import torch
from annotated_types import Ge
from torch import Tensor

from mbdl_repro.areas.doa.beamforming.beamformer import Beamformer
from mbdl_repro.areas.doa.beamforming.weights import beamformed, distortionless
from mbdl_repro.areas.doa.learned.snapshots_network import (
    Invariance,
    SnapshotsNetwork,
    normalized,
)
from mbdl_repro.areas.doa.systems.look import Look
from mbdl_repro.contract.method import Family
from mbdl_repro.contract.scenario import Split
from mbdl_repro.learning.layers import Affine


class Able(Beamformer):
    """Weights of each look from a small network, and not from the inverse of a covariance.

    w = 1/N + f_θ(x),  ŝ_t = wᴴ x_t,  wᴴ 1 = 1 by construction, or by a penalty

    The network sees snapshots of one size and phase, so that ŝ of c x is c ŝ. Its features of a
    row's snapshots are averaged. Before training f is 0, and the weights those of delay and sum.

    Args:
        belief: gives N.
        hidden_widths: entries of the hidden layers.
        invariance: what is taken off snapshots before the network sees them: level and ``phase``,
            or ``level`` alone.
        unity_penalty: λ of λ |1ᵀw − 1|², added to the loss; ``None``: w is made distortionless.

    Maps x (n, N, T), complex, to ŝ (n, T), complex.

    Source: Luijten et al., 2020, "Adaptive ultrasound beamforming using deep learning".
    """

    name = "able"
    family = Family.DNN_AIDED_INFERENCE
    parent = "delay_and_sum"

    def __init__(
        self,
        belief: Look,
        *,
        hidden_widths: tuple[int, ...] = (64, 32, 32),
        invariance: Invariance = "phase",
        unity_penalty: Annotated[float, Ge(0)] | None = None,
    ) -> None:
        super().__init__(belief)
        self.invariance: Invariance = invariance
        self.unity_penalty = unity_penalty
        self.network = SnapshotsNetwork(self.n_sensors, hidden_widths)
        start = torch.zeros(2 * self.n_sensors, dtype=torch.float64)
        self.last = Affine(self.network.n_out, 2 * self.n_sensors, start)

    def initialize(self, train: Split, rng: torch.Generator) -> None:
        """Draw the weights of all layers but the last."""
        self.network.draw(rng)

    def weights(self, x: Annotated[Tensor, "(n, N, T)"]) -> Annotated[Tensor, "(n, N)"]:
        """Return w of each row (n, N)."""
        z, _ = normalized(x, self.invariance)
        parts = self.last(self.network(z).mean(1)).unflatten(1, (self.n_sensors, 2))
        w = 1 / self.n_sensors + torch.view_as_complex(parts.contiguous())
        return distortionless(w) if self.unity_penalty is None else w

    def loss(self, x: Annotated[Tensor, "(n, N, T)"], s: Annotated[Tensor, "(n, T)"]) -> Tensor:
        """Return the squared error of a snapshot, a mean, with the penalty if there is one.

        mean over i and t of |ŝ_it − s_it|² + λ mean over i of |1ᵀw_i − 1|²

        Args:
            x: snapshots (n, N, T).
            s: waveforms of the target (n, T).
        """
        w = self.weights(x)
        error = (beamformed(w, x) - s).abs().square().mean()
        if self.unity_penalty is None:
            return error
        return error + self.unity_penalty * (w.sum(1) - 1).abs().square().mean()
