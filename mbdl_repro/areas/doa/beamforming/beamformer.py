"""Estimators of what comes from straight ahead, most of them by weights that add up the sensors."""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated

import torch
from torch import Tensor

from mbdl_repro.areas.doa.beamforming.weights import beamformed
from mbdl_repro.areas.doa.systems.look import Look
from mbdl_repro.contract.method import Method


class TargetEstimator(Method):
    """An estimator of the target's waveform.

    Args:
        belief: gives N.

    Maps x (n, N, T), complex, to ŝ (n, T), complex.
    """

    def __init__(self, belief: Look) -> None:
        super().__init__()
        self.n_sensors = belief.n_sensors

    def checked(self, x: Tensor) -> Tensor:
        """Return snapshots (n, N, T) of the sensors that there are.

        Raises:
            ValueError: there are others.
        """
        if x.ndim != 3 or x.shape[1] != self.n_sensors:
            raise ValueError(
                f"x has the shape {tuple(x.shape)}: should be (n, {self.n_sensors}, T)"
            )
        return x

    def loss(self, x: Annotated[Tensor, "(n, N, T)"], s: Annotated[Tensor, "(n, T)"]) -> Tensor:
        """Return the squared error of a snapshot, a mean over rows and snapshots.

        mean over i and t of |ŝ_it − s_it|²

        Args:
            x: snapshots (n, N, T).
            s: waveforms of the target (n, T).
        """
        return (self(x) - s).abs().square().mean()


class Beamformer(TargetEstimator):
    """An estimator that is linear in each snapshot: ŝ_t = wᴴ x_t.

    Args:
        belief: gives N.

    Maps x (n, N, T), complex, to ŝ (n, T), complex.
    """

    @abstractmethod
    def weights(self, x: Annotated[Tensor, "(n, N, T)"]) -> Annotated[Tensor, "(n, N)"]:
        """Return w of each row (n, N), or (1, N) of all.

        Args:
            x: snapshots (n, N, T).
        """

    def forward(self, x: Annotated[Tensor, "(n, N, T)"]) -> Annotated[Tensor, "(n, T)"]:
        """Return ŝ (n, T)."""
        x = self.checked(x).to(torch.complex128)
        bad = ~torch.isfinite(x).flatten(1).all(1)
        answered = torch.where(
            bad[:, None, None], 1.0, x
        )  # a row that has no answer spoils no other
        return torch.where(bad[:, None], torch.nan, beamformed(self.weights(answered), x))
