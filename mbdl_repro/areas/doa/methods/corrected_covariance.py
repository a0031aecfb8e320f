"""ESPRIT of a smoothed covariance that a network corrects."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from annotated_types import Ge
from torch import Tensor

from mbdl_repro.areas.doa.array import SensorArray
from mbdl_repro.areas.doa.signal.covariance import hermitian, real_entries, smoothed
from mbdl_repro.areas.doa.signal.covariance_method import EspritMethod
from mbdl_repro.areas.doa.signal.features import scaled_covariance
from mbdl_repro.areas.doa.signal.periodic import periodic_loss
from mbdl_repro.areas.doa.signal.subspace import angles_of, esprit_roots, signal_subspace
from mbdl_repro.contract.method import Family
from mbdl_repro.contract.scenario import Split
from mbdl_repro.learning.layers import Perceptron

GAIN = 0.1
"""Of the network's outputs, in the mean power of a sensor: a first step is a small one."""


class CorrectedCovariance(EspritMethod):
    """ESPRIT of R̃ + H, R̃ the covariance averaged over sub-arrays, and H of a network.

    H = 0.1 Herm(M(r)),  Herm(Z) = (Z + Zᵀ)/2 + j (Z − Zᵀ)/2

    r are the N² real numbers of R = X Xᴴ/T over its mean diagonal, as R̃ is. M is trained on the
    mean RMSPE of what ESPRIT says. Its last layer is 0 at first: then it is ESPRIT.

    Args:
        belief: gives M, N and the spacing.
        smoothing: sub-arrays whose covariances are averaged, as of ESPRIT.
        subarray: L, sensors of a sub-array; ``None``: N/2 + 1, or M + 1 if that is more.
        hidden_widths: entries of each hidden layer of M (rectifiers).

    Maps x (n, N, T), complex, to angles (n, M) in rad, rising.

    Source: Section 5.5, neural augmentation; ours.
    """

    name = "corrected_covariance"
    family = Family.NEURAL_AUGMENTATION
    parent = "esprit"

    def __init__(
        self,
        belief: SensorArray,
        *,
        smoothing: Literal["none", "forward", "forward_backward"] = "none",
        subarray: Annotated[int, Ge(2)] | None = None,
        hidden_widths: tuple[int, ...] = (128, 128),
    ) -> None:
        super().__init__(belief, smoothing=smoothing, subarray=subarray)
        self.network = Perceptron((self.n_sensors**2, *hidden_widths, self.subarray**2))

    @torch.no_grad()
    def initialize(self, train: Split, rng: torch.Generator) -> None:
        """Draw the weights of all layers of M but the last, which stays 0."""
        self.network.draw(rng, gain=2, last_gain=0)

    def covariance(self, x: Annotated[Tensor, "(n, N, T)"]) -> Annotated[Tensor, "(n, L, L)"]:
        """Return R̃ + H (n, L, L) of snapshots (n, N, T)."""
        return self.corrected(scaled_covariance(x, self.n_sensors))

    def corrected(self, R: Annotated[Tensor, "(n, N, N)"]) -> Annotated[Tensor, "(n, L, L)"]:
        """Return R̃ + H (n, L, L), in double precision.

        Args:
            R: covariances (n, N, N) with a diagonal of mean 1.
        """
        entries = real_entries(R).flatten(1).to(self.network.weights[0].dtype)
        Z = self.network(entries).double().unflatten(-1, (self.subarray, self.subarray))
        R = R.to(torch.complex128)
        return smoothed(R, self.smoothing, self.subarray) + GAIN * hermitian(Z)

    def prepare(self, split: Split) -> Split:
        """Return covariances (n, N, N) with a diagonal of mean 1, in place of snapshots."""
        return Split(scaled_covariance(split.x, self.n_sensors), split.s)

    def loss(self, x: Annotated[Tensor, "(n, N, N)"], s: Annotated[Tensor, "(n, M)"]) -> Tensor:
        """Return the mean RMSPE, in rad.

        Args:
            x: covariances (n, N, N) with a diagonal of mean 1.
            s: true angles (n, M), in rad.
        """
        Us = signal_subspace(self.corrected(x), self.n_sources)
        return periodic_loss(angles_of(esprit_roots(Us), self.spacing), s)
