"""Interpolation: what any viewer does with an image of few pixels."""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor

from mbdl_repro.areas.image_restoration.physics.blur import BlurAndDecimate
from mbdl_repro.areas.image_restoration.physics.degradation import DegradedImages
from mbdl_repro.areas.image_restoration.physics.linear_map import LinearMap
from mbdl_repro.contract.method import Family, Method


class Bicubic(Method):
    """Cubic convolution between the pixels that decimation kept; the blur is left as it is.

    ŝ_jl = Σ_ik c(j/f − i) c(l/f − k) x_ik,  c(t) = 1 − 5/2 t² + 3/2 |t|³ for |t| ≤ 1 and
    2 − 4|t| + 5/2 t² − ½ |t|³ for 1 < |t| ≤ 2

    The first pixel of x lies on the first of s, and images go on periodically. Where nothing was
    decimated the answer is the observation.

    Args:
        belief: knows the degradation, which observes pixels, and f.

    Maps x (n, …), as the degradation makes it, to images (n, side, side), grey levels from 0 to 1.

    Source: Keys, 1981.
    """

    name = "bicubic"
    family = Family.MODEL_BASED

    def __init__(self, belief: DegradedImages) -> None:
        super().__init__()
        degradation = belief.required("degradation")
        if degradation == "compressed_sensing" or isinstance(degradation, LinearMap):
            name = getattr(degradation, "name", degradation)
            raise ValueError(
                f"bicubic interpolates pixels, and in {name} none is observed: "
                "degradation should be another one"
            )
        self.factor = belief.decimation
        self.grid = BlurAndDecimate(torch.ones(1, 1, dtype=torch.float64), self.factor)

    def forward(self, x: Annotated[Tensor, "(n, …)"]) -> Annotated[Tensor, "(n, side, side)"]:
        """Map observations (n, side/f, side/f) to images (n, side, side)."""
        self.grid.check(x)
        C = interpolation_matrix(x.shape[1], self.factor).to(x)
        return C @ x @ C.mT


def interpolation_matrix(samples: int, factor: int) -> Annotated[Tensor, "(f · samples, samples)"]:
    """Return C (f · samples, samples): from periodic samples to f values for each.

    Args:
        samples: how many.
        factor: f.
    """
    places = torch.arange(factor * samples, dtype=torch.float64) / factor
    first = places.floor()
    C = places.new_zeros(len(places), samples)
    for offset in (-1, 0, 1, 2):
        t = (places - first - offset).abs()
        near = 1 - 2.5 * t**2 + 1.5 * t**3
        far = 2 - 4 * t + 2.5 * t**2 - 0.5 * t**3
        column = (first.long() + offset) % samples
        # Added one after another: of few samples the same one may be met twice.
        C.scatter_add_(1, column[:, None], torch.where(t <= 1, near, far)[:, None])
    return C
