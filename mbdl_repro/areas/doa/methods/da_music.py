"""DA-MUSIC: recurrent units make a covariance, and a network reads its MUSIC spectrum."""

from __future__ import annotations

import math
from typing import Annotated

import torch
from annotated_types import Ge
from torch import Tensor

from mbdl_repro.areas.doa.array import SensorArray
from mbdl_repro.areas.doa.signal.covariance import check_snapshots, heard
from mbdl_repro.areas.doa.signal.features import unit_power
from mbdl_repro.areas.doa.signal.periodic import periodic, periodic_loss
from mbdl_repro.areas.doa.signal.spectrum import evaluated, grid_angles
from mbdl_repro.areas.doa.signal.subspace import eigenvalues, noise_polynomial, signal_subspace
from mbdl_repro.contract.method import Family, Method
from mbdl_repro.contract.scenario import Split
from mbdl_repro.learning.layers import Affine, Gru, Perceptron


class DaMusic(Method):
    """Deep augmented MUSIC: R̂ from gated recurrent units, and angles from its MUSIC spectrum.

    h = GRU(x_1, …, x_T), K = W h + b (N × N, complex), R̂ = K Kᴴ,
    P_g = 1 / (a(θ_g)ᴴ U_n U_nᴴ a(θ_g) / N + 0.01),  θ̂ = dense((P − P̄) / 10)

    Snapshots are divided by the root of their mean power, and enter one by one, real parts beside
    imaginary ones. U_n is the noise subspace of R̂, and the dense layers have rectifiers between
    them. It is trained on the mean RMSPE, and answers NaN where all snapshots are zero.

    As published, but that the matrix is Hermitian, and its eigenvectors are in the order of their
    eigenvalues, so that U_n is what it is called; and that nulls of the spectrum have a floor, as
    the deepest would be all that counts, and its mean P̄ over the grid is taken off.

    Args:
        belief: gives M, N and the spacing.
        hidden_size: entries of h; ``None``: 2 N.
        hidden_widths: entries of each hidden dense layer.
        grid: steps of θ_g over 180°.

    Maps x (n, N, T), complex, to angles (n, M) in rad, modulo π, rising.

    Source: Merkofer, Revach, Shlezinger, Routtenberg and van Sloun, 2024.
    """

    name = "da_music"
    family = Family.DNN_AIDED_INFERENCE

    def __init__(
        self,
        belief: SensorArray,
        *,
        hidden_size: Annotated[int, Ge(1)] | None = None,
        hidden_widths: tuple[int, ...] = (16, 16, 16),
        grid: Annotated[int, Ge(8)] = 360,
    ) -> None:
        super().__init__()
        N = self.n_sensors = belief.n_sensors
        M = self.n_sources = int(belief.required("n_sources"))
        self.spacing = belief.uniform_spacing(self.name)
        size = 2 * N if hidden_size is None else hidden_size
        angles = grid_angles(grid, self.spacing)
        self.grid_rad: Tensor
        self.register_buffer("grid_rad", angles)
        self.recurrent = Gru(2 * N, size)
        self.to_matrix = Affine(size, 2 * N * N)
        self.dense = Perceptron((len(angles), *hidden_widths, M))

    @torch.no_grad()
    def initialize(self, train: Split, rng: torch.Generator) -> None:
        """Draw weights: U(±1/√h) of units and W, N(0, 2/fan-in) of dense layers, the last half.

        Args:
            train: not read.
            rng: the generator to draw from, of the CPU.
        """
        self.recurrent.draw(rng)
        self.to_matrix.draw(rng)
        self.dense.draw(rng, gain=2, last_gain=1)

    def covariance(self, x: Annotated[Tensor, "(n, N, T)"]) -> Annotated[Tensor, "(n, N, N)"]:
        """Return R̂ (n, N, N), in double precision, of snapshots (n, N, T)."""
        x = unit_power(check_snapshots(x, self.n_sensors)).mT
        fed = torch.cat([x.real, x.imag], -1).to(self.to_matrix.weight)
        entries = (
            self.to_matrix(self.recurrent.last_state(fed))
            .double()
            .unflatten(-1, (2, self.n_sensors, self.n_sensors))
        )
        K = torch.complex(*entries.unbind(1))
        return K @ K.mH

    def forward(self, x: Annotated[Tensor, "(n, N, T)"]) -> Annotated[Tensor, "(n, M)"]:
        """Return the angles (n, M) in rad, rising, of snapshots (n, N, T)."""
        x, rows = heard(x)
        return torch.where(rows[:, None], periodic(self._angles(x)), math.nan).sort(-1).values

    def loss(self, x: Annotated[Tensor, "(n, N, T)"], s: Annotated[Tensor, "(n, M)"]) -> Tensor:
        """Return the mean RMSPE, in rad.

        Args:
            x: snapshots (n, N, T), complex.
            s: true angles (n, M), in rad.
        """
        return periodic_loss(self._angles(x), s)

    def illustrations(self, x: Annotated[Tensor, "(n, N, T)"]) -> dict[str, Tensor]:
        """Return the spectrum (n, G), its grid, in rad, and the eigenvalues, descending."""
        R = self.covariance(x)
        D = self._null_spectrum(R)
        return {
            "spectrum": 1 / D,
            "grid_rad": self.grid_rad.double().expand_as(D),
            "eigenvalues": eigenvalues(R).flip(-1),
        }

    def _null_spectrum(self, R: Tensor) -> Tensor:
        """Return the null spectrum (n, G) of R̂, from 0 to 1, and its floor more."""
        c = noise_polynomial(signal_subspace(R, self.n_sources))
        angles = self.grid_rad.double()
        return evaluated(c, angles, self.spacing) / self.n_sensors + FLOOR

    def _angles(self, x: Tensor) -> Tensor:
        P = 1 / self._null_spectrum(self.covariance(x))
        z = ((P - P.mean(-1, keepdim=True)) / 10).to(self.to_matrix.weight)
        angles: Tensor = self.dense(z)
        return angles


FLOOR = 0.01
"""What the null spectrum is never below."""
