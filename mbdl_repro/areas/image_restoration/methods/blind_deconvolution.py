"""Deconvolution without the kernel: image and kernel in turn, from sparse differences."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import torch
from annotated_types import Ge, Gt, Lt
from torch import Tensor

from mbdl_repro.areas.image_restoration.physics.degradation import MOTION_SIDE, DegradedImages
from mbdl_repro.areas.image_restoration.solvers.blind import (
    DIFFERENCES,
    Stage,
    blind_iterates,
    check_images,
    falling,
)
from mbdl_repro.contract.method import Family, IterativeMethod


class BlindDeconvolution(IterativeMethod):
    """Half-quadratic splitting on image, sparse differences, and a kernel that is not known.

    See :func:`~mbdl_repro.areas.image_restoration.solvers.blind.blind_iterates`; f are the differences of
    neighbours. Of the kernel it is known that it fits into 9 × 9 pixels, is not negative, sums
    to one, and looks the same upside down, as straight motion at an even pace does.

    Args:
        belief: nothing of it is used.
        iterations: K.
        threshold: t of the first iteration, times the differences' root mean square.
        last_threshold: t of the last one; those between fall geometrically.
        penalty: η, how strongly the image's differences follow the sparse ones.
        ridge: ε, weight of the kernel's squared norm, relative to the sparse differences'.
        cut: c, the share of a kernel's largest entry below which entries are zero.

    Source: Perrone and Favaro, 2014; Li, Tofighi, Geng, Monga and Eldar, 2020.
    """

    name = "blind_deconvolution"
    family = Family.MODEL_BASED

    def __init__(
        self,
        belief: DegradedImages,
        *,
        iterations: Annotated[int, Ge(1)],
        threshold: Annotated[float, Gt(0)] = 3.0,
        last_threshold: Annotated[float, Gt(0)] = 0.3,
        penalty: Annotated[float, Gt(0)] = 0.5,
        ridge: Annotated[float, Gt(0)] = 0.1,
        cut: Annotated[float, Gt(0), Lt(1)] = 0.05,
    ) -> None:
        super().__init__()
        self.iterations = iterations
        filters = torch.tensor(DIFFERENCES, dtype=torch.float64)
        self.filters: Tensor
        self.register_buffer("filters", filters, persistent=False)
        self.thresholds: Tensor
        thresholds = falling(threshold, last_threshold, iterations)
        self.register_buffer("thresholds", thresholds, persistent=False)
        self.numbers = penalty, ridge, cut

    def iterates(self, x: Tensor) -> Iterator[Tensor]:
        """Yield s_0 = x, s_1, …, s_K (n, side, side)."""
        return (s for s, _ in self._pairs(x))

    def illustrations(self, x: Tensor) -> dict[str, Tensor]:
        """Return the last kernels (n, 9, 9)."""
        *_, (_, kernel) = self._pairs(x)
        return {"kernel": kernel}

    def _pairs(self, x: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        check_images(x)
        stages = (Stage(self.filters, t.expand(2), *self.numbers) for t in self.thresholds)
        return blind_iterates(x, MOTION_SIDE, stages)
