"""Total variation whose weight a network chooses, for each pixel and direction."""

from __future__ import annotations

from typing import Annotated, Any

import torch
from annotated_types import Ge
from torch import Tensor

from mbdl_repro.areas.image_restoration.networks.convolutional import (
    PIXEL_SCALE,
    ConvolutionalNetwork,
)
from mbdl_repro.areas.image_restoration.physics.degradation import DegradedImages
from mbdl_repro.areas.image_restoration.solvers.analysis_admm import TotalVariationAdmm
from mbdl_repro.contract.method import Family
from mbdl_repro.contract.scenario import Split

LARGEST_LOGARITHM = 4.0
"""Of what a weight is multiplied by: from 1/55 to 55."""


class WeightedTotalVariation(TotalVariationAdmm):
    """The minimum of ½‖x − H s‖² + Σ_fp ρ w_fp |(c_f ∗ s)_p|, where a network gives the weights.

    w = exp(N(a (s_0 − ½))),  s_0 = H.start(x)

    N reads a first image, and its answer, cut to ±4, is what the solver goes by: the ADMM of
    total variation, through whose iterations N is trained. The last layer of N starts at 0, and w
    at 1: then it is total variation.

    Args:
        iterations: of ADMM, in training as in use.
        weight: ρ.
        channels: of each hidden layer of N.
        layers: of convolutions in N.

    Maps x (n, …), as the degradation makes it, to images (n, side, side), grey levels from 0 to 1.

    Source: Section 5.5; Kofler et al., 2023 (learning regularization parameter maps).
    """

    name = "weighted_total_variation"
    family = Family.DNN_AIDED_INFERENCE
    parent = "total_variation"

    def __init__(
        self,
        belief: DegradedImages,
        *,
        channels: Annotated[int, Ge(1)] = 8,
        layers: Annotated[int, Ge(2)] = 4,
        **settings: Any,
    ) -> None:
        super().__init__(belief, **settings)
        self.network = ConvolutionalNetwork(channels, layers, 1, len(self.differences))

    @torch.no_grad()
    def initialize(self, train: Split, rng: torch.Generator) -> None:
        """Draw the weights of N, all but those of its last layer."""
        self.network.draw(rng)

    def weights(self, x: Annotated[Tensor, "(n, …)"]) -> Annotated[Tensor, "(n, F, side, side)"]:
        """Return what the weight is multiplied by, of each direction and pixel (n, F, side, side).

        Args:
            x: observations (n, …).
        """
        image = PIXEL_SCALE * (self.H.start(x) - 0.5)
        found: Tensor = self.network(image[:, None])
        return found.clamp(-LARGEST_LOGARITHM, LARGEST_LOGARITHM).exp()

    def thresholds(self, x: Tensor) -> Tensor:
        """Return the thresholds that N asks for (n, F, side, side)."""
        return self.threshold * self.weights(x)
