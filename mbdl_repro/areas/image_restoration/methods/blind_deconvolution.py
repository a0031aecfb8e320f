"""Deconvolution without the kernel: image and kernel in turn, from sparse differences."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor

from mbdl_repro.areas.image_restoration.solvers.blind import BlindRestoration, Stage
from mbdl_repro.contract.method import Family


class BlindDeconvolution(BlindRestoration):
    """Half-quadratic splitting over the image, its sparse differences, and the unknown kernel.

    See :func:`~mbdl_repro.areas.image_restoration.solvers.blind.blind_iterates`;
    f are the differences of neighbours. Of the kernel it is known that it fits into 9 × 9 pixels,
    is not negative, sums to one, and looks the same upside down, as straight motion at an even
    pace does.

    Maps x (n, …), as the degradation makes it, to images (n, side, side), grey levels from 0 to 1.

    Source: Perrone and Favaro, 2014; Li, Tofighi, Geng, Monga and Eldar, 2020.
    """

    name = "blind_deconvolution"
    family = Family.MODEL_BASED

    def stages(self, x: Tensor) -> Iterator[Stage]:
        """Yield the differences, with thresholds that fall."""
        filters = self.differences.to(x)
        for threshold in self.first_thresholds.to(x):
            yield Stage(filters, threshold.expand(len(filters)), *self.numbers)
