"""The beamformer of Capon: least power under no distortion."""

from __future__ import annotations

from typing import Annotated, Any

import torch
from annotated_types import Ge
from torch import Tensor

from mbdl_repro.areas.doa.array import SensorArray
from mbdl_repro.areas.doa.signal.covariance_method import SpectralMethod
from mbdl_repro.areas.doa.signal.features import mean_power
from mbdl_repro.areas.doa.signal.subspace import eigenvectors
from mbdl_repro.contract.method import Family


class Mvdr(SpectralMethod):
    """The M highest peaks of P(θ) = 1 / (a(θ)ᴴ (R + δ (tr R / L) I)⁻¹ a(θ)).

    P is the least power of a filter wᴴ x with wᴴ a(θ) = 1. Peaks that are missing are NaN.

    Args:
        belief: gives N, places and gains of sensors, and M where the number is given.
        loading: δ; needed where there are too few snapshots for R to have an inverse.

    Maps x (n, N, T), complex, to angles (n, M) in rad, rising.

    Source: Capon, 1969.
    """

    name = "mvdr"
    family = Family.MODEL_BASED

    def __init__(
        self, belief: SensorArray, *, loading: Annotated[float, Ge(0)] = 0.0, **settings: Any
    ) -> None:
        super().__init__(belief, **settings)
        self.loading = loading

    def covariance(self, x: Tensor) -> Annotated[Tensor, "(n, L, L)"]:
        """Return the covariance (n, L, L), smoothed and loaded.

        Raises:
            ValueError: if it cannot have an inverse.
        """
        R = super().covariance(x)
        if not self.loading:
            self.check_rank(x.shape[-1], "loading is 0")
        identity = torch.eye(self.subarray, dtype=torch.float64, device=R.device)
        return R + self.loading * mean_power(R) * identity

    def form(self, R: Tensor, n_sources: int) -> Tensor:
        """Return that of 1/P."""
        eigenvalues, V = eigenvectors(R)
        # Without noise R has no inverse but for rounding, and then P is that of the null space.
        least = 1e-14 * eigenvalues[:, -1:]
        return (V / eigenvalues.maximum(least)[:, None, :]) @ V.mH

    def pseudo_spectrum(self, D: Tensor) -> Tensor:
        """Return P."""
        return 1 / D
