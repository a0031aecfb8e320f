"""The beamformer of Capon: least power under no distortion."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from annotated_types import Ge
from torch import Tensor

from mbdl_repro.areas.doa.array import SensorArray
from mbdl_repro.areas.doa.signal.covariance_method import SpectralMethod
from mbdl_repro.areas.doa.signal.spectrum import diagonal_sums
from mbdl_repro.contract.method import Family


class Mvdr(SpectralMethod):
    """The M highest peaks of P(θ) = 1 / (a(θ)ᴴ (R + δ (tr R / L) I)⁻¹ a(θ)).

    P is the least power of a filter wᴴ x with wᴴ a(θ) = 1. Peaks that are missing are NaN.

    Args:
        belief: gives N and the spacing, and M where the number is given.
        smoothing: sub-arrays whose covariances are averaged: ``none``, ``forward``, or
            ``forward_backward``: and mirrored.
        subarray: L, sensors of a sub-array; ``None``: N/2 + 1, or M + 1 if that is more.
        count: the number of sources is ``given``, or that of least ``aic`` or ``mdl``.
        grid: points over [−90°, 90°) on which peaks are found.
        refine: go on from the grid to the peak itself.
        loading: δ; needed where there are too few snapshots for R to have an inverse.

    Source: Capon, 1969.
    """

    name = "mvdr"
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
        loading: Annotated[float, Ge(0)] = 0.0,
    ) -> None:
        super().__init__(belief, smoothing, subarray, count, grid, refine=refine)
        self.loading = loading

    def covariance(self, x: Tensor) -> Tensor:
        """Return the covariance (n, L, L), smoothed and loaded.

        Raises:
            ValueError: if it cannot have an inverse.
        """
        R = super().covariance(x)
        if not self.loading:
            self.check_rank(x.shape[-1], "loading is 0")
        identity = torch.eye(self.subarray, dtype=torch.float64, device=R.device)
        return R + self.loading * _mean_power(R) * identity

    def coefficients(self, R: Tensor, n_sources: int) -> Tensor:
        """Return those of 1/P."""
        eigenvalues, V = torch.linalg.eigh(R)
        # Without noise R has no inverse but for rounding, and then P is that of the null space.
        least = 1e-14 * eigenvalues[:, -1:]
        return diagonal_sums((V / eigenvalues.maximum(least)[:, None, :]) @ V.mH)

    def pseudo_spectrum(self, D: Tensor) -> Tensor:
        """Return P."""
        return 1 / D


def _mean_power(R: Tensor) -> Tensor:
    return R.diagonal(dim1=-2, dim2=-1).real.mean(-1)[:, None, None]
