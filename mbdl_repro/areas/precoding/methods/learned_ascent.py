"""Projected gradient ascent unfolded, with the sizes of its steps learned."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from mbdl_repro.areas.precoding.bases import AscentSteps
from mbdl_repro.areas.precoding.scenario import HybridPrecoding
from mbdl_repro.contract.method import Family


class LearnedAscent(AscentSteps):
    """Projected gradient ascent with steps of its own for each iteration, and for each band.

    W_a ← p (W_a + μ_{a,k} ∂R/∂W_a*),    W_{d,b} ← p (W_{d,b} + μ_{d,b,k} ∂R/∂W_{d,b}*)

    Learned without targets but the channels: the loss is minus the rate. Logarithms are learned,
    so that steps stay positive.

    Args:
        per_band: whether each band has a step μ_d of its own, K(1 + B) numbers, or all share one,
            2K numbers.

    Source: Agiv and Shlezinger, 2022, "Learn to rapidly optimize hybrid precoding".
    """

    name = "learned_ascent"
    family = Family.UNFOLDED_HYPERPARAMETERS
    parent = "projected_gradient_ascent"

    def __init__(self, belief: HybridPrecoding, *, per_band: bool = True, **settings: Any) -> None:
        super().__init__(belief, **settings)
        bands = belief.n_bands if per_band else 1
        start = torch.tensor([self.analog_step] + bands * [self.digital_step], dtype=torch.float64)
        self.log_step = nn.Parameter(start.log().repeat(self.iterations, 1))

    def steps(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield μ_a, and μ_d of the bands, of each iteration."""
        for own in self.log_step.exp():
            yield own[0], own[1:]
