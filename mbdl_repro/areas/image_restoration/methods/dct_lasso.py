"""Sparse coding of images in cosines."""

from __future__ import annotations

from functools import cache
from typing import Annotated

import numpy as np
import torch
from scipy.fft import dct
from torch import Tensor

from mbdl_repro.areas.image_restoration.solvers.transform_fista import TransformFista
from mbdl_repro.areas.image_restoration.solvers.updates import Denoise
from mbdl_repro.areas.sparse_recovery.updates.thresholding import soft_threshold
from mbdl_repro.contract.method import Family


class DctLasso(TransformFista):
    """LASSO in an orthonormal basis of cosines: ½‖x − H s‖² + ρ‖C s‖₁ by FISTA, from s_0 = 0.

    C is the two-dimensional discrete cosine transform of the whole image, for images of few
    pixels.

    Maps x (n, …), as the degradation makes it, to images (n, side, side), grey levels from 0 to 1.

    Source: Bora, Jalal, Price and Dimakis, 2017, whose baseline it is; Beck and Teboulle, 2009.
    """

    name = "dct_lasso"
    family = Family.MODEL_BASED

    def first(self, x: Tensor) -> Tensor:
        """Return black images."""
        self.H.check(x)
        return x.new_zeros(len(x), *self.H.image_sides(x))

    def shrinkages(self, s: Tensor, threshold: float) -> list[Denoise]:
        """Return the same shrinkage of cosines for all iterations."""
        C = torch.tensor(cosines(s.shape[1]), dtype=s.dtype, device=s.device)

        def shrunk(z: Tensor) -> Tensor:
            return C.mT @ soft_threshold(C @ z @ C.mT, threshold) @ C

        return [shrunk] * self.iterations


@cache
def cosines(side: int) -> Annotated[np.ndarray, "(side, side)"]:
    """Return the orthonormal DCT-II (side, side) along one axis, read-only."""
    C = dct(np.eye(side), axis=0, norm="ortho")
    C.setflags(write=False)
    return C
