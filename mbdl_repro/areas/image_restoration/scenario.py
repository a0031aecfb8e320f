"""Restoration of images that were blurred, decimated, or measured by few random projections."""

from __future__ import annotations

import dataclasses
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Ge

from mbdl_repro.areas.image_restoration.physics import images
from mbdl_repro.areas.image_restoration.physics.degradation import SMALLEST_SIDE, DegradedImages


@dataclasses.dataclass(frozen=True, kw_only=True)
class Photographs(DegradedImages):
    """Random crops of photographs; each seed holds out other photographs for its tests.

    Fifteen photographs are of three kinds. A seed tests on one of each kind, validates on another
    one of each, and trains on the other nine and on three textures: no photograph stands in two
    splits of a seed. Seeds 0 to 4 test on each photograph once, and so do each five that follow
    (see :func:`~mbdl_repro.areas.image_restoration.physics.images.dealt`).

    Crops of validation and test go through the photographs in turn; training patches are of
    any of them, and mirrored and transposed at random.

    Source: ours, after Sections 5.3 and 5.4; images of scikit-image and scikit-learn.
    """

    name = "photographs"
    collection: ClassVar[str] = "photographs"

    def targets(self, n: int, split: str, seed: int, rng: np.random.Generator) -> np.ndarray:
        """Draw n crops (n, side, side) of a seed's split."""
        pool = images.photographs(split, seed)
        training = split == "train"
        side = self.patch_side if training else self.side
        crops = np.empty((n, side, side))
        for i in range(n):
            image = pool[rng.integers(len(pool)) if training else i % len(pool)]
            top, left = rng.integers(0, np.array(image.shape) - side + 1)
            crop = image[top : top + side, left : left + side]
            if training:
                flips = rng.integers(2, size=3)
                crop = crop[:: 1 - 2 * flips[0], :: 1 - 2 * flips[1]]
                crop = crop.T if flips[2] else crop
            crops[i] = crop
        return crops

    def __post_init__(self) -> None:
        """Check sides, which no photograph may be shorter than."""
        super().__post_init__()
        for name in ("side", "patch_side"):
            if getattr(self, name) > images.SHORT_SIDE:
                raise ValueError(
                    f"{name} is {getattr(self, name)}: photographs have a shorter side of "
                    f"{images.SHORT_SIDE} pixels"
                )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Digits(DegradedImages):
    """Handwritten digits of 8 × 8 pixels in random order; each comes once before any comes again.

    Source: ours, after Section 5.4 and Bora et al., 2017; images of scikit-learn.
    """

    name = "digits"
    collection: ClassVar[str] = "digits"
    chunk_size: ClassVar[int] = 1197  # all digits of the training split, each once

    side: Annotated[int, Ge(SMALLEST_SIDE)] = SMALLEST_SIDE
    patch_side: Annotated[int, Ge(SMALLEST_SIDE)] = SMALLEST_SIDE
    block_side: Annotated[int, Ge(SMALLEST_SIDE)] = SMALLEST_SIDE

    def __post_init__(self) -> None:
        """Check that sides are those of the digits."""
        super().__post_init__()
        for name in ("side", "patch_side"):
            if getattr(self, name) != SMALLEST_SIDE:
                raise ValueError(
                    f"{name} is {getattr(self, name)}: digits have {SMALLEST_SIDE} pixels"
                )

    def targets(self, n: int, split: str, seed: int, rng: np.random.Generator) -> np.ndarray:
        """Draw n digits (n, 8, 8) of a split, which is the same for all seeds."""
        pool = images.digits(split)
        orders = [rng.permutation(len(pool)) for _ in range(-(-n // len(pool)))]
        return pool[np.concatenate(orders)[:n]]
