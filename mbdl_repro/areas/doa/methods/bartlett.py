"""The beamformer of Bartlett: where the array receives most power."""

from __future__ import annotations

from torch import Tensor

from mbdl_repro.areas.doa.signal.covariance_method import SpectralMethod
from mbdl_repro.contract.method import Family


class Bartlett(SpectralMethod):
    """The M highest peaks of the power P(θ) = a(θ)ᴴ R a(θ) / L² in direction θ.

    Sources closer than a beam, some 2/L in sin θ, merge to one peak. Peaks that are missing are
    NaN, and side lobes may stand for sources.

    Maps x (n, N, T), complex, to angles (n, M) in rad, rising.

    Source: Bartlett, 1948; Krim and Viberg, 1996, for arrays.
    """

    name = "bartlett"
    family = Family.MODEL_BASED

    def form(self, R: Tensor, n_sources: int) -> Tensor:
        """Return that of −L² P."""
        return -R

    def pseudo_spectrum(self, D: Tensor) -> Tensor:
        """Return P."""
        return -D / self.subarray**2
