"""Total variation, and a network that corrects what it answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import torch
from annotated_types import Ge
from torch import Tensor

from mbdl_repro.areas.image_restoration.networks.convolutional import (
    CORRECTION_SCALE,
    PIXEL_SCALE,
    ConvolutionalNetwork,
)
from mbdl_repro.areas.image_restoration.physics.degradation import DegradedImages
from mbdl_repro.areas.image_restoration.solvers.analysis_admm import TotalVariationAdmm
from mbdl_repro.contract.method import Family
from mbdl_repro.contract.scenario import Split


class CorrectedTotalVariation(TotalVariationAdmm):
    """Total variation, whose estimate s* a network corrects.

    ŝ = s* + c N(a (s* − ½), (s_0 − s*) / c),  s_0 = H.start(x)

    N sees the answer, and what it took off the first image, where texture is that total
    variation has no room for. Its last layer starts at 0: then the answer stays as it is.

    Args:
        iterations: of ADMM; the last one's image is corrected.
        weight: ρ of total variation.
        channels: of each hidden layer of N.
        layers: of convolutions in N.

    Maps x (n, …), as the degradation makes it, to images (n, side, side), grey levels from 0 to 1.

    Source: Section 5.5; Jin, McCann, Froustey and Unser, 2017, who correct a linear answer.
    """

    name = "corrected_total_variation"
    family = Family.NEURAL_AUGMENTATION
    parent = "total_variation"

    def __init__(
        self,
        belief: DegradedImages,
        *,
        channels: Annotated[int, Ge(1)] = 12,
        layers: Annotated[int, Ge(2)] = 5,
        **settings: Any,
    ) -> None:
        super().__init__(belief, **settings)
        self.network = ConvolutionalNetwork(channels, layers, 2, 1)

    @torch.no_grad()
    def initialize(self, train: Split, rng: torch.Generator) -> None:
        """Draw the weights of N, all but those of its last layer."""
        self.network.draw(rng)

    def iterates(self, x: Annotated[Tensor, "(n, …)"]) -> Iterator[Tensor]:
        """Yield the images of total variation (n, side, side), of which the last is corrected."""
        *before, answer = super().iterates(x)
        yield from before
        yield self.corrected(self._seen(answer, x))

    def corrected(
        self, seen: Annotated[Tensor, "(n, 2, side, side)"]
    ) -> Annotated[Tensor, "(n, side, side)"]:
        """Return ŝ (n, side, side).

        Args:
            seen: s* and s_0 − s*, side by side (n, 2, side, side).
        """
        answer, taken = seen.unbind(1)
        image = torch.stack([PIXEL_SCALE * (answer - 0.5), taken / CORRECTION_SCALE], 1)
        return answer + CORRECTION_SCALE * self.network(image)[:, 0]

    @torch.no_grad()
    def prepare(self, split: Split) -> Split:
        """Return what the network sees (n, 2, side, side) in place of the observations."""
        *_, answer = super().iterates(split.x)
        return Split(self._seen(answer, split.x), split.s)

    def loss(
        self,
        x: Annotated[Tensor, "(n, 2, side, side)"],
        s: Annotated[Tensor, "(n, side, side)"],
    ) -> Tensor:
        """Return the mean over images of the squared error, summed over pixels.

        Args:
            x: what the network sees (n, 2, side, side).
            s: images (n, side, side).
        """
        return (self.corrected(x) - s).square().flatten(1).sum(1).mean()

    def _seen(self, answer: Tensor, x: Tensor) -> Tensor:
        return torch.stack([answer, self.H.start(x) - answer], 1)
