"""A convolutional network that is told scale and noise level, and not the kernel."""

from __future__ import annotations

from typing import Annotated

import torch
from annotated_types import Ge
from torch import Tensor

from mbdl_repro.areas.image_restoration.networks.convolutional import (
    CORRECTION_SCALE,
    PIXEL_SCALE,
    ConvolutionalNetwork,
)
from mbdl_repro.areas.image_restoration.physics.told import interpolated, told
from mbdl_repro.areas.image_restoration.solvers.told import ToldMethod
from mbdl_repro.areas.image_restoration.systems.many_degradations import ManyDegradations
from mbdl_repro.contract.method import Family
from mbdl_repro.contract.scenario import Split


class KernelBlindNetwork(ToldMethod):
    """A network that predicts what an interpolated image lacks.

    ŝ = i + c N(a (i − ½), f − 2, 20 σ),  i the cubic interpolation of y

    The last layer of N starts at 0.

    Args:
        channels: of each hidden layer.
        layers: of convolutions.

    Maps x (n, 4, side, side), as the scenario makes it, to images (n, side, side), grey levels
    from 0 to 1.

    Source: Section 4; Zhang, Zuo, Chen, Meng and Zhang, 2017 (beyond a Gaussian denoiser), with
    f and σ as further channels.
    """

    name = "kernel_blind_network"
    family = Family.DEEP_LEARNING

    def __init__(
        self,
        belief: ManyDegradations,
        *,
        channels: Annotated[int, Ge(1)] = 16,
        layers: Annotated[int, Ge(2)] = 5,
    ) -> None:
        super().__init__(belief)
        self.network = ConvolutionalNetwork(channels, layers, inputs=3)

    def initialize(self, train: Split, rng: torch.Generator) -> None:
        """Draw all weights but those of the last layer."""
        self.network.draw(rng)

    def forward(
        self, x: Annotated[Tensor, "(n, 4, side, side)"]
    ) -> Annotated[Tensor, "(n, side, side)"]:
        """Map observations to images (n, side, side)."""
        given = told(x)
        image = interpolated(given.y, given.scales)
        planes = torch.stack([PIXEL_SCALE * (image - 0.5), x[:, 2] - 2, 20 * x[:, 3]], 1)
        found: Tensor = self.network(planes)
        return image + CORRECTION_SCALE * found[:, 0]
