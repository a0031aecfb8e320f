"""MUSIC: directions whose steering vectors have least in the noise subspace."""

from __future__ import annotations

from typing import Annotated, Literal

from annotated_types import Ge
from torch import Tensor

from mbdl_repro.areas.doa.array import SensorArray
from mbdl_repro.areas.doa.signal.covariance_method import SpectralMethod
from mbdl_repro.areas.doa.signal.subspace import noise_polynomial, signal_subspace
from mbdl_repro.contract.method import Family


class Music(SpectralMethod):
    """The M highest peaks of the pseudo-spectrum P(θ) = 1 / ‖U_nᴴ a(θ)‖².

    U_n holds the eigenvectors of the covariance's L − M smallest eigenvalues. Peaks that are
    missing are NaN: where sources are coherent, or too close, there are fewer than M.

    Args:
        belief: gives N and the spacing, and M where the number is given.
        smoothing: sub-arrays whose covariances are averaged: ``none``, ``forward``, or
            ``forward_backward``: and mirrored.
        subarray: L, sensors of a sub-array; ``None``: N/2 + 1, or M + 1 if that is more.
        count: the number of sources is ``given``, or that of least ``aic`` or ``mdl``.
        grid: points over [−90°, 90°) on which peaks are found.
        refine: go on from the grid to the peak itself; Example 3.9 stays on its grid, half a
            degree apart.
        ends: whether −90° and 90° may be peaks; Example 3.9 looks for none at the ends of its
            grid, and so loses sources at end-fire.

    Source: Example 3.9; Schmidt, 1986.
    """

    name = "music"
    family = Family.MODEL_BASED

    def __init__(
        self,
        belief: SensorArray,
        *,
        smoothing: Literal["none", "forward", "forward_backward"] = "none",
        subarray: Annotated[int, Ge(2)] | None = None,
        count: Literal["given", "aic", "mdl"] = "given",
        grid: Annotated[int, Ge(8)] = 360,
        refine: bool = True,
        ends: bool = True,
    ) -> None:
        super().__init__(belief, smoothing, subarray, count, grid, refine=refine, ends=ends)

    def coefficients(self, R: Tensor, n_sources: int) -> Tensor:
        """Return those of 1/P."""
        return noise_polynomial(signal_subspace(R, n_sources))

    def pseudo_spectrum(self, D: Tensor) -> Tensor:
        """Return P, at most 10¹⁶."""
        return 1 / D.clamp_min(1e-16)
