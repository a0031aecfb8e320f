"""Broadband MUSIC: MUSIC in each part of the band, and one spectrum of all."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

import torch
from annotated_types import Ge
from torch import Tensor

from mbdl_repro.areas.doa.array import SensorArray
from mbdl_repro.areas.doa.scenario import Ofdm
from mbdl_repro.areas.doa.signal.covariance import check_snapshots, heard
from mbdl_repro.areas.doa.signal.covariance_method import SubarrayMethod
from mbdl_repro.areas.doa.signal.peaks import highest_peaks, vertices
from mbdl_repro.areas.doa.signal.spectrum import waves
from mbdl_repro.areas.doa.signal.subspace import determined_subspace, noise_polynomial
from mbdl_repro.contract.method import Family

ROWS = 256
"""Rows whose transforms are in memory at a time."""


class BroadbandMusic(SubarrayMethod):
    """Incoherent broadband MUSIC: D(θ) = Σ_b a(θ, f_b)ᴴ F_b a(θ, f_b) is least at the angles.

    The snapshots' transform at the frequencies of the L sub-carriers, X(f) = Σ_t x_t exp(−j2πft),
    is cut into B bins of neighbours. They are the snapshots of a narrowband array, of which f_b is
    the mean frequency, and F_b the projector on the noise subspace of their covariance. Where D
    is least is found on a grid, and refined by a parabola; an end of the grid is a minimum if D
    rises from it. A row of which a bin does not say its noise subspace has no angles: NaN.

    Args:
        belief: an ``ofdm``, of which M, N, the spacing and all about sub-carriers is known.
        bins: B, a divisor of L.
        average: what the bins' spectra are joined by: the sum of their ``nulls``, as above, in
            which a bin counts by its aperture, or that of their ``spectra``, 1/D, as published, in
            which low frequencies weigh most, which tell all angles apart least.
        grid: steps from −90° to 90°.
        refine: go on from the grid.

    Maps x (n, N, T), complex, to angles (n, M) in rad, rising.

    Source: Wax, Shan and Kailath, 1984; Shmuel et al., SubspaceNet, 2023, for bins and spectra.
    """

    name = "broadband_music"
    family = Family.MODEL_BASED

    def __init__(
        self,
        belief: SensorArray,
        *,
        bins: Annotated[int, Ge(1)] = 50,
        average: Literal["nulls", "spectra"] = "nulls",
        grid: Annotated[int, Ge(8)] = 360,
        refine: bool = True,
        **settings: Any,
    ) -> None:
        if not isinstance(belief, Ofdm):
            raise ValueError(
                f"broadband_music is built from a belief of kind {type(belief).__name__.lower()}: "
                "allowed is ofdm, sources that have many frequencies"
            )
        if belief.sampling_rate_hz < belief.bandwidth_hz:
            raise ValueError(
                f"sampling_rate_hz is {belief.sampling_rate_hz:g}: broadband_music asks for at "
                f"least bandwidth_hz, {belief.bandwidth_hz:g}, below which sub-carriers are aliased"
            )
        super().__init__(belief, **settings)
        self.n_sources: int = belief.required("n_sources")
        spacing = belief.uniform_spacing(self.name)
        L = belief.n_subcarriers
        if L % bins or L // bins < self.n_sources:
            raise ValueError(
                f"bins is {bins}: allowed are divisors of n_subcarriers, {L}, that leave at least "
                f"n_sources, {self.n_sources}, sub-carriers a bin"
            )
        self.bins = bins
        self.average = average
        self.refine = refine

        share = torch.arange(L, dtype=torch.float64) / L  # f / bandwidth
        self.cycles: Tensor  # of each sub-carrier, from a snapshot to the next
        self.register_buffer("cycles", share * belief.bandwidth_hz / belief.sampling_rate_hz)
        angle = (torch.arange(grid + 1, dtype=torch.float64) / grid - 0.5) * math.pi
        self.grid_rad: Tensor
        self.register_buffer("grid_rad", angle)
        # a(θ, f)ᴴ F a(θ, f) = c_0 + 2 Re Σ_k c_k exp(−jkω),  ω = 2π d (f/B) sin θ
        omega = 2 * math.pi * spacing * share.view(bins, -1).mean(1)[:, None] * angle.sin()
        self.waves: Tensor  # (2, B, sensors, G)
        self.register_buffer("waves", waves(omega, self.subarray))

    def forward(self, x: Annotated[Tensor, "(n, N, T)"]) -> Annotated[Tensor, "(n, M)"]:
        """Return the angles (n, M) in rad, rising, then NaN, of snapshots (n, N, T)."""
        x, rows = heard(x)
        D = self.null_spectrum(x)
        at, there = highest_peaks(-D, self.n_sources, circular=False)
        step = math.pi / (len(self.grid_rad) - 1)
        angle = (vertices(-D, at) if self.refine else at.to(D.dtype)) * step - math.pi / 2
        return torch.where(there & rows[:, None], angle, math.nan).sort(-1).values

    def null_spectrum(self, x: Tensor) -> Annotated[Tensor, "(n, G)"]:
        """Return D (n, G), the mean over bins, between 0 and 1; with spectra, 1 over their mean."""
        x = check_snapshots(x, self.n_sensors)
        return torch.cat([self._null_spectrum(some) for some in x.split(ROWS)])

    def illustrations(self, x: Annotated[Tensor, "(n, N, T)"]) -> dict[str, Tensor]:
        """Return the spectrum 1/D (n, G), and its grid, in rad."""
        D = self.null_spectrum(x)
        return {"spectrum": 1 / D, "grid_rad": self.grid_rad.expand_as(D)}

    def _null_spectrum(self, x: Tensor) -> Tensor:
        n, N, T = x.shape
        time = torch.arange(T, dtype=torch.float64, device=x.device)
        X = x @ torch.exp(-2j * math.pi * time[:, None] * self.cycles)  # (n, N, L)
        X = X.view(n, N, self.bins, -1).movedim(2, 1)  # (n, B, N, sub-carriers)
        R = self.smoothed_covariance(X)
        c = noise_polynomial(determined_subspace(R, self.n_sources)) / self.subarray
        if self.average == "nulls":
            waves = self.waves.flatten(1, 2) / self.bins
            c = c.flatten(1)
            return c.real @ waves[0] + c.imag @ waves[1]
        # A frequency of 0 has one phase at all sensors, wherever it comes from.
        first = int(X.shape[-1] == 1)
        total = torch.zeros(n, len(self.grid_rad), dtype=torch.float64, device=x.device)
        for b in range(first, self.bins):
            D_b = c[:, b].real @ self.waves[0, b] + c[:, b].imag @ self.waves[1, b]
            total += 1 / D_b.clamp_min(1e-12)
        return (self.bins - first) / total
