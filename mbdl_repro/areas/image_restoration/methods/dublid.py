"""Blind deconvolution, unfolded, with filters of its own in place of differences."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Annotated, Any

import torch
from annotated_types import Ge
from torch import Tensor, nn

from mbdl_repro.areas.image_restoration.physics.degradation import DegradedImages
from mbdl_repro.areas.image_restoration.solvers.blind import BlindRestoration, Stage
from mbdl_repro.contract.method import Family
from mbdl_repro.contract.scenario import Split

SPREAD = 0.02
"""Standard deviation of what makes copies of a filter differ, relative to its own entries."""


class Dublid(BlindRestoration):
    """K iterations of blind deconvolution, each with filters, thresholds and weights learned.

    Each of the two differences becomes several filters of 3 × 3, which begin as copies of it,
    1/√(their number) as large, so that before a fit it is the classical method; a fit first
    makes the copies differ a little. t, η, ε and c are learned too: logarithms, and the logit
    of c. The kernel's truth is in no training pair: the loss is the image's.

    Args:
        channels: filters in place of each of the two differences.
        threshold: t of the first iteration before a fit, relative to the filtered observation.
        last_threshold: t of the last one before a fit; those between fall geometrically.
        penalty: η before a fit.
        ridge: ε before a fit.
        cut: c before a fit.

    Maps x (n, …), as the degradation makes it, to images (n, side, side), grey levels from 0 to 1.

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
        channels: Annotated[int, Ge(1)],
        **settings: Any,
    ) -> None:
        super().__init__(belief, **settings)
        copies = self.differences.repeat(channels, 1, 1) / math.sqrt(channels)
        self.filters = nn.Parameter(copies.repeat(self.iterations, 1, 1, 1))
        thresholds = self.first_thresholds.log()
        penalty, ridge, cut = self.numbers
        self.log_threshold = nn.Parameter(thresholds[:, None].repeat(1, 2 * channels))
        self.log_penalty = nn.Parameter(torch.full_like(thresholds, math.log(penalty)))
        self.log_ridge = nn.Parameter(torch.full_like(thresholds, math.log(ridge)))
        self.logit_cut = nn.Parameter(torch.full_like(thresholds, cut).logit())

    @torch.no_grad()
    def initialize(self, train: Split, rng: torch.Generator) -> None:
        """Make the copies of a difference differ."""
        drawn = torch.randn(self.filters.shape, generator=rng, dtype=self.filters.dtype)
        self.filters.add_(SPREAD * self.filters.abs().max() * drawn.to(self.filters.device))

    def stages(self, x: Tensor) -> Iterator[Stage]:
        """Yield what was learned for each iteration."""
        learned = zip(
            self.filters,
            self.log_threshold.exp(),
            self.log_penalty.exp(),
            self.log_ridge.exp(),
            self.logit_cut.sigmoid(),
            strict=True,
        )
        return (Stage(*numbers) for numbers in learned)
