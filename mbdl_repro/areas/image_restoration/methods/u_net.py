"""U-Net: a network that sees an image at several scales, and knows H by a first image only."""

from __future__ import annotations

from typing import Annotated

import torch
from annotated_types import Ge
from torch import Tensor, nn
from torch.nn import functional

from mbdl_repro.areas.image_restoration.networks.convolutional import ConvolutionalNetwork
from mbdl_repro.areas.image_restoration.physics.degradation import DegradedImages
from mbdl_repro.areas.image_restoration.solvers.restoration import Restoration
from mbdl_repro.contract.method import Family
from mbdl_repro.contract.scenario import Split


class UNet(Restoration):
    """A convolutional network on several scales that predicts what a first image lacks.

    ŝ = s_0 + d N((s_0 − ½) / c),    s_0 = H.start(x)

    c is the root mean square of s_0 − ½ in the training data, and d of what s_0 lacks there.
    On the way down each scale has two convolutions, and then the mean of every 2 × 2 pixels
    goes on; on the way up its pixels are repeated and joined with what the finer scale had. The
    last layer starts at 0.

    Args:
        belief: knows H, for s_0.
        channels: of the finest scale; each coarser one has twice as many.
        levels: number of scales.

    Maps x (n, …), as the degradation makes it, to images (n, side, side), grey levels from 0 to 1.

    Source: Section 4; Ronneberger, Fischer and Brox, 2015; Jin, McCann, Froustey and Unser, 2017,
    for the first image.
    """

    name = "u_net"
    family = Family.DEEP_LEARNING

    def __init__(
        self,
        belief: DegradedImages,
        *,
        channels: Annotated[int, Ge(1)] = 8,
        levels: Annotated[int, Ge(1)] = 3,
    ) -> None:
        super().__init__(belief)
        widths = [channels * 2**i for i in range(levels)]
        self.down = nn.ModuleList(
            ConvolutionalNetwork(width, 2, before, width)
            for before, width in zip([1, *widths], widths, strict=False)
        )
        self.up = nn.ModuleList(
            ConvolutionalNetwork(width, 2, 3 * width, width) for width in reversed(widths[:-1])
        )
        self.last = ConvolutionalNetwork(channels, 1, channels, 1)
        self.given: Tensor
        self.lacking: Tensor
        self.register_buffer("given", torch.ones((), dtype=torch.float64))
        self.register_buffer("lacking", torch.ones((), dtype=torch.float64))

    @torch.no_grad()
    def initialize(self, train: Split, rng: torch.Generator) -> None:
        """Draw all weights but those of the last layer, and standardize first images."""
        first = self.H.start(train.x.to(self.given))
        self.given.copy_(_root_mean_square(first - 0.5))
        self.lacking.copy_(_root_mean_square(train.s.to(first) - first))
        for block in (*self.down, *self.up):
            assert isinstance(block, ConvolutionalNetwork)
            block.draw(rng, last_scale=1.0)
        self.last.draw(rng)

    def forward(self, x: Annotated[Tensor, "(n, …)"]) -> Annotated[Tensor, "(n, side, side)"]:
        """Map observations to images (n, side, side)."""
        s = self.H.start(x)
        coarsest = 2 ** len(self.up)
        if s.shape[1] % coarsest:
            raise ValueError(
                f"images have {s.shape[1]} pixels a side: with levels {len(self.up) + 1} "
                f"it should be a multiple of {coarsest}"
            )
        # As in each block: single precision where no gradient is recorded, here all the way.
        z = ((s - 0.5) / self.given)[:, None]
        z = z if torch.is_grad_enabled() else z.float()
        z = z.to(memory_format=torch.channels_last)
        finer: list[Tensor] = []
        for i, block in enumerate(self.down):
            z = functional.avg_pool2d(z, 2) if i else z
            z = functional.relu(block(z))
            finer.append(z)
        finer.pop()
        for block in self.up:
            z = functional.interpolate(z, scale_factor=2.0, mode="nearest")
            z = functional.relu(block(torch.cat([z, finer.pop()], 1)))
        return s + self.lacking * self.last(z)[:, 0].to(s.dtype)


def _root_mean_square(images: Tensor) -> Tensor:
    """Return it, and 1 where it is 0: images may be divided by it."""
    found = images.square().mean().sqrt()
    return torch.where(found == 0, 1.0, found)
