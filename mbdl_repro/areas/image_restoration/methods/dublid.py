"""Blind deconvolution, unfolded, with filters of its own in place of differences."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Annotated

import torch
from annotated_types import Ge, Gt, Lt
from torch import Tensor, nn

from mbdl_repro.areas.image_restoration.physics.degradation import MOTION_SIDE, DegradedImages
from mbdl_repro.areas.image_restoration.solvers.blind import (
    DIFFERENCES,
    Stage,
    blind_iterates,
    check_images,
    falling,
)
from mbdl_repro.contract.method import Family, IterativeMethod
from mbdl_repro.contract.scenario import Split

SPREAD = 0.02
"""Standard deviation of what makes copies of a filter differ, relative to its own entries."""


class Dublid(IterativeMethod):
    """K iterations of blind deconvolution, each with filters, thresholds and weights learned.

    Each of the two differences becomes several filters of 3 × 3, which begin as copies of it,
    1/√(their number) as large, so that before a fit it is the classical method; a fit first
    makes the copies differ a little. t, η, ε and c are learned too: logarithms, and the logit
    of c. The kernel's truth is in no training pair: the loss is the image's.

    Args:
        belief: nothing of it is used.
        iterations: K.
        channels: filters in place of each of the two differences.
        threshold: t of the first iteration before a fit, relative to the filtered observation.
        last_threshold: t of the last one before a fit; those between fall geometrically.
        penalty: η before a fit.
        ridge: ε before a fit.
        cut: c before a fit.

    Source: Li, Tofighi, Geng, Monga and Eldar, 2020 (deep unrolled blind deblurring), reduced:
    no cascade of filters from iteration to iteration, and no loss on the kernel.
    """

    name = "dublid"
    family = Family.UNFOLDED_NETWORK
    parent = "blind_deconvolution"

    def __init__(
        self,
        belief: DegradedImages,
        *,
        iterations: Annotated[int, Ge(1)],
        channels: Annotated[int, Ge(1)],
        threshold: Annotated[float, Gt(0)] = 3.0,
        last_threshold: Annotated[float, Gt(0)] = 0.3,
        penalty: Annotated[float, Gt(0)] = 0.5,
        ridge: Annotated[float, Gt(0)] = 0.1,
        cut: Annotated[float, Gt(0), Lt(1)] = 0.05,
    ) -> None:
        super().__init__()
        self.iterations = iterations
        copies = torch.tensor(DIFFERENCES, dtype=torch.float64).repeat(channels, 1, 1)
        self.filters = nn.Parameter((copies / math.sqrt(channels)).repeat(iterations, 1, 1, 1))
        thresholds = falling(threshold, last_threshold, iterations).log()
        self.log_threshold = nn.Parameter(thresholds[:, None].repeat(1, 2 * channels))
        self.log_penalty = nn.Parameter(torch.full_like(thresholds, math.log(penalty)))
        self.log_ridge = nn.Parameter(torch.full_like(thresholds, math.log(ridge)))
        self.logit_cut = nn.Parameter(torch.full_like(thresholds, cut).logit())

    @torch.no_grad()
    def initialize(self, train: Split, rng: torch.Generator) -> None:
        """Make the copies of a difference differ."""
        drawn = torch.randn(self.filters.shape, generator=rng, dtype=self.filters.dtype)
        self.filters.add_(SPREAD * self.filters.abs().max() * drawn.to(self.filters.device))

    def iterates(self, x: Tensor) -> Iterator[Tensor]:
        """Yield s_0 = x, s_1, …, s_K (n, side, side)."""
        return (s for s, _ in self._pairs(x))

    def illustrations(self, x: Tensor) -> dict[str, Tensor]:
        """Return the last kernels (n, 9, 9)."""
        *_, (_, kernel) = self._pairs(x)
        return {"kernel": kernel}

    def _pairs(self, x: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        check_images(x)
        stages = zip(
            self.filters,
            self.log_threshold.exp(),
            self.log_penalty.exp(),
            self.log_ridge.exp(),
            self.logit_cut.sigmoid(),
            strict=True,
        )
        return blind_iterates(x, MOTION_SIDE, (Stage(*numbers) for numbers in stages))
