"""H, as a belief has it."""

from __future__ import annotations

import torch

from mbdl_repro.areas.image_restoration.physics.block_matrix import BlockMatrix
from mbdl_repro.areas.image_restoration.physics.blur import BlurAndDecimate
from mbdl_repro.areas.image_restoration.physics.degradation import DegradedImages
from mbdl_repro.areas.image_restoration.physics.given_operator import GivenOperator
from mbdl_repro.areas.image_restoration.physics.linear_map import LinearMap
from mbdl_repro.areas.image_restoration.physics.operator import Operator


def operator_of(belief: DegradedImages) -> Operator:
    """Return H as this belief has it.

    Raises:
        ValueError: if the belief does not know H.
    """
    degradation = belief.required("degradation")
    if isinstance(degradation, LinearMap):
        return GivenOperator(degradation, (belief.side, belief.patch_side))
    if degradation == "compressed_sensing":
        return BlockMatrix(torch.tensor(belief.matrix), belief.block_side)
    if degradation == "blind_deblurring":
        raise ValueError(
            "H is asked for, and in blind_deblurring nobody knows it: use a method that "
            "estimates the kernel, or a belief with degradation: deblurring"
        )
    return BlurAndDecimate(torch.tensor(belief.kernel), belief.decimation)
