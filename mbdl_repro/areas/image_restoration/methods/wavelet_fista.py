"""Images that few wavelets make up."""

from __future__ import annotations

from typing import Annotated, Any

import torch
from annotated_types import Ge
from torch import Tensor

from mbdl_repro.areas.image_restoration.physics.degradation import DegradedImages
from mbdl_repro.areas.image_restoration.priors.wavelets import (
    inverse_wavelet_transform,
    levels_of,
    orthonormal_wavelets,
    wavelet_transform,
)
from mbdl_repro.areas.image_restoration.solvers.transform_fista import TransformFista
from mbdl_repro.areas.image_restoration.solvers.updates import Denoise
from mbdl_repro.areas.sparse_recovery.updates.thresholding import soft_threshold
from mbdl_repro.contract.method import Family
from mbdl_repro.contract.seeding import torch_rng_for


class WaveletFista(TransformFista):
    """FISTA on ½‖x − H s‖² + ρ‖W_d s‖₁, W_d the details of an orthonormal wavelet transform.

    s_k = Wᵀ T_{ρ/L}(W (z_k − Hᵀ(H z_k − x)/L)),  where T leaves the coarse image as it is

    A wavelet meets an edge differently at each place, and the answer shows it as ripples. With
    ``shifts`` the transform is one of a shifted image, and each iteration averages over as many
    shifts, drawn anew: then it is the objective of a tight frame that is nearly descended.

    Args:
        wavelet: PyWavelets' name of an orthonormal wavelet.
        levels: of the transform; ``None``: as many as halve the side of an image, at most 3.
        shifts: in each iteration; 0: the same transform, unshifted, in all.

    Maps x (n, …), as the degradation makes it, to images (n, side, side), grey levels from 0 to 1.

    Source: Beck and Teboulle, 2009; Coifman and Donoho, 1995, for shifts; Figueiredo and Nowak,
    2003, for shifts drawn in each iteration.
    """

    name = "wavelet_fista"
    family = Family.MODEL_BASED

    def __init__(
        self,
        belief: DegradedImages,
        *,
        wavelet: str = "db4",
        levels: Annotated[int, Ge(1)] | None = None,
        shifts: Annotated[int, Ge(0)] = 0,
        **settings: Any,
    ) -> None:
        super().__init__(belief, **settings)
        if wavelet not in orthonormal_wavelets():
            raise ValueError(
                f"wavelet is {wavelet!r}: should be one of {', '.join(orthonormal_wavelets())}"
            )
        self.wavelet = wavelet
        self.levels = levels
        self.shifts: Tensor
        rng = torch_rng_for("shifts", "image_restoration")
        drawn = torch.randint(2**20, (self.iterations, shifts, 2), generator=rng)
        self.register_buffer("shifts", drawn, persistent=False)

    def first(self, x: Tensor) -> Tensor:
        """Return H.start(x)."""
        return self.H.start(x)

    def shrinkages(self, s: Tensor, threshold: float) -> list[Denoise]:
        """Return the shrinkage of details, each averaged over shifts of its own."""
        side = s.shape[1]
        levels = levels_of(side, self.levels)
        thresholds = torch.full((side, side), threshold, dtype=s.dtype, device=s.device)
        thresholds[: side >> levels, : side >> levels] = 0.0

        def shrunk(z: Tensor) -> Tensor:
            c = wavelet_transform(z, self.wavelet, levels)
            return inverse_wavelet_transform(soft_threshold(c, thresholds), self.wavelet, levels)

        def averaged(shifts: list[tuple[int, int]]) -> Denoise:
            def denoise(z: Tensor) -> Tensor:
                total = torch.zeros_like(z)
                for down, right in shifts:
                    moved = shrunk(z.roll((down, right), (1, 2)))
                    total = total + moved.roll((-down, -right), (1, 2))
                return total / len(shifts)

            return denoise

        return [averaged(each) if each else shrunk for each in (self.shifts % side).tolist()]
