"""MUSIC: directions whose steering vectors have least in the noise subspace."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from mbdl_repro.areas.doa.array import SensorArray
from mbdl_repro.areas.doa.signal.covariance_method import SpectralMethod
from mbdl_repro.areas.doa.signal.subspace import determined_subspace, noise_projector
from mbdl_repro.contract.method import Family


class Music(SpectralMethod):
    """The M highest peaks of the pseudo-spectrum P(θ) = 1 / ‖U_nᴴ a(θ)‖².

    U_n holds the eigenvectors of the covariance's L − M smallest eigenvalues; where rounding alone
    tells these from the others, the answer is NaN. Peaks that are missing are NaN: where sources
    are coherent, or too close, there are fewer than M. Example 3.9 does not refine its peaks, on a
    grid half a degree apart.

    Args:
        belief: gives N, places and gains of sensors, and M where the number is given.
        ends: whether −90° and 90° may be peaks; Example 3.9 looks for none at the ends of its
            grid, and so loses sources at end-fire.

    Maps x (n, N, T), complex, to angles (n, M) in rad, rising.

    Source: Example 3.9; Schmidt, 1986.
    """

    name = "music"
    family = Family.MODEL_BASED

    def __init__(self, belief: SensorArray, *, ends: bool = True, **settings: Any) -> None:
        super().__init__(belief, **settings)
        self.ends = ends

    def form(self, R: Tensor, n_sources: int) -> Tensor:
        """Return that of 1/P."""
        return noise_projector(determined_subspace(R, n_sources))

    def pseudo_spectrum(self, D: Tensor) -> Tensor:
        """Return P, at most 10¹⁶."""
        return 1 / D.clamp_min(1e-16)
