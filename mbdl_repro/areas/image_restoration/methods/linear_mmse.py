"""The best linear answer for images of the mean and covariance that training images have."""

from __future__ import annotations

from typing import Annotated

import torch
from annotated_types import Gt, Le
from torch import Tensor, nn

from mbdl_repro.areas.image_restoration.physics.degradation import (
    DegradedImages,
    positive_noise_std,
)
from mbdl_repro.areas.image_restoration.solvers.restoration import Restoration
from mbdl_repro.areas.linear_estimation.updates import linear_mmse_gain
from mbdl_repro.contract.method import ClosedFormMethod, Family, Split

LARGEST_SIDE = 32
"""Pixels; covariances have as many entries as its fourth power."""


class LinearMMSE(Restoration, ClosedFormMethod):
    """The posterior mean of an image under a Gaussian prior that is fitted to images alone.

    ŝ = μ̂ + Ĉ Hᵀ (H Ĉ Hᵀ + σ² I)⁻¹ (x − H μ̂),  Ĉ = (1 − α) S + α tr(S)/N · I

    μ̂ and S are the mean and covariance of the training images, of N pixels each. Of all answers
    that are linear in x none has a smaller squared error, if they are right. Before it is fitted
    its answer is black.

    Args:
        belief: knows H and ``noise_std``, and that images of training and test are of one size.
        shrinkage: α, how far Ĉ is moved towards that of white images, which makes up for few
            training images.

    Maps x (n, …), as the degradation makes it, to images (n, side, side), grey levels from 0 to 1.

    Source: Section 5.1, generative learning; Ledoit and Wolf, 2004, for the shrinkage.
    """

    name = "linear_mmse"
    family = Family.GENERATIVE_LEARNING

    def __init__(
        self, belief: DegradedImages, *, shrinkage: Annotated[float, Gt(0), Le(1)] = 0.001
    ) -> None:
        super().__init__(belief)
        if not belief.patch_side == belief.side <= LARGEST_SIDE:
            raise ValueError(
                f"side is {belief.side} and patch_side {belief.patch_side}: a covariance of all "
                f"pixels needs them to be the same, and at most {LARGEST_SIDE}"
            )
        self.side = belief.side
        self.noise_variance = positive_noise_std(belief) ** 2
        self.shrinkage = shrinkage
        pixels = belief.side**2
        each = torch.eye(pixels, dtype=torch.float64).view(pixels, self.side, self.side)
        self.matrix: Tensor
        self.register_buffer("matrix", self.H(each).flatten(1).mT.contiguous(), persistent=False)
        self.mean = nn.Parameter(torch.zeros(belief.side, belief.side, dtype=torch.float64))
        self.covariance = nn.Parameter(torch.zeros(pixels, pixels, dtype=torch.float64))

    def forward(self, x: Annotated[Tensor, "(n, …)"]) -> Annotated[Tensor, "(n, side, side)"]:
        """Map observations to images (n, side, side)."""
        sides = self.H.image_sides(x)
        if sides != (self.side, self.side):
            raise ValueError(
                f"observations of shape {tuple(x.shape)} are of images of {sides[0]} × {sides[1]} "
                f"pixels: should be {self.side} × {self.side}, as those of training"
            )
        G = linear_mmse_gain(self.matrix, self.covariance, self.noise_variance)
        centred = x.flatten(1) - self.matrix @ self.mean.flatten()
        return self.mean + (centred @ G.mT).view(-1, self.side, self.side)

    def solve(self, train: Split) -> None:
        """Measure the mean and the covariance of the training images."""
        if len(train.s) < 2:
            raise ValueError(f"n_train is {len(train.s)}: a covariance needs 2 images or more")
        S = train.s.flatten(1).mT.cov()
        white = torch.eye(len(S), dtype=S.dtype, device=S.device) * S.diagonal().mean()
        self.mean.copy_(train.s.mean(0))
        self.covariance.copy_((1 - self.shrinkage) * S + self.shrinkage * white)
