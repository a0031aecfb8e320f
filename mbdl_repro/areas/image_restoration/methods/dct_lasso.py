"""Sparse coding of images in cosines."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Annotated

import numpy as np
import torch
from annotated_types import Ge, Gt
from scipy.fft import dct
from torch import Tensor

from mbdl_repro.areas.image_restoration.physics.degradation import DegradedImages
from mbdl_repro.areas.image_restoration.physics.operators import operator_of
from mbdl_repro.areas.image_restoration.solvers.transform_fista import fista_iterates
from mbdl_repro.areas.sparse_recovery.updates import soft_threshold
from mbdl_repro.contract.method import Family, IterativeMethod


class DctLasso(IterativeMethod):
    """LASSO in an orthonormal basis of cosines: ½‖x − H s‖² + ρ‖C s‖₁ by FISTA.

    C is the two-dimensional discrete cosine transform of the whole image, for images of few
    pixels.

    Args:
        belief: knows H.
        iterations: K, number of steps.
        weight: ρ.

    Source: Bora, Jalal, Price and Dimakis, 2017, whose baseline it is; Beck and Teboulle, 2009.
    """

    name = "dct_lasso"
    family = Family.MODEL_BASED

    def __init__(
        self,
        belief: DegradedImages,
        *,
        iterations: Annotated[int, Ge(1)],
        weight: Annotated[float, Gt(0)] = 0.01,
    ) -> None:
        super().__init__()
        self.H = operator_of(belief)
        self.iterations: int = iterations
        self.weight = weight

    def iterates(self, x: Tensor) -> Iterator[Tensor]:
        """Yield s_0 = 0, s_1, …, s_K (n, side, side)."""
        self.H.check(x)
        s = x.new_zeros(len(x), *self.H.image_sides(x))
        C = torch.tensor(cosines(s.shape[1]), dtype=s.dtype, device=s.device)
        L = self.H.lipschitz_constant(s.shape[1])

        def shrunk(z: Tensor) -> Tensor:
            return C.mT @ soft_threshold(C @ z @ C.mT, self.weight / L) @ C

        return fista_iterates(s, x, self.H, 1 / L, [shrunk] * self.iterations)


@cache
def cosines(side: int) -> np.ndarray:
    """Return the orthonormal DCT-II (side, side) along one axis, read-only."""
    C = dct(np.eye(side), axis=0, norm="ortho")
    C.setflags(write=False)
    return C
