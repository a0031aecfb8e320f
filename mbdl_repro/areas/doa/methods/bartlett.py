"""The beamformer of Bartlett: where the array receives most power."""

from __future__ import annotations

from typing import Annotated, Literal

from annotated_types import Ge
from torch import Tensor

from mbdl_repro.areas.doa.array import SensorArray
from mbdl_repro.areas.doa.signal.covariance_method import SpectralMethod
from mbdl_repro.areas.doa.signal.spectrum import diagonal_sums
from mbdl_repro.contract.method import Family


class Bartlett(SpectralMethod):
    """The M highest peaks of the power P(θ) = a(θ)ᴴ R a(θ) / L² in direction θ.

    Sources closer than a beam, some 2/L in sin θ, merge to one peak. Peaks that are missing are
    NaN, and side lobes may stand for sources.

    Args:
        belief: gives N and the spacing, and M where the number is given.
        smoothing: sub-arrays whose covariances are averaged: ``none``, ``forward``, or
            ``forward_backward``: and mirrored.
        subarray: L, sensors of a sub-array; ``None``: N/2 + 1, or M + 1 if that is more.
        count: the number of sources is ``given``, or that of least ``aic`` or ``mdl``.
        grid: points over [−90°, 90°) on which peaks are found.
        refine: go on from the grid to the peak itself.

    Source: Bartlett, 1948; Krim and Viberg, 1996, for arrays.
    """

    name = "bartlett"
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
    ) -> None:
        super().__init__(belief, smoothing, subarray, count, grid, refine=refine)

    def coefficients(self, R: Tensor, n_sources: int) -> Tensor:
        """Return those of −L² P."""
        return -diagonal_sums(R)

    def pseudo_spectrum(self, D: Tensor) -> Tensor:
        """Return P."""
        return -D / self.subarray**2
