"""A linear filter behind a first image, by least squares on training pairs."""

from __future__ import annotations

from typing import Annotated

import torch
from annotated_types import Ge, Gt
from torch import Tensor, nn

from mbdl_repro.areas.image_restoration.physics.blur import filtered, transfer_function
from mbdl_repro.areas.image_restoration.physics.degradation import DegradedImages
from mbdl_repro.areas.image_restoration.solvers.restoration import Restoration
from mbdl_repro.contract.method import ClosedFormMethod, Family, Split


class LearnedFilter(Restoration, ClosedFormMethod):
    """The linear filter whose correction of a first image has the least error on training pairs.

    ŝ = s_0 + c ∗ (s_0 − ½) + b,    s_0 = H.start(x)
    c, b = argmin Σ ‖s − ŝ‖² + λ p ‖c‖²,  p the power of s_0 about its mean, in all training pixels

    Images go on periodically, so that the normal equations are those of Wiener and Hopf, made of
    the correlations of s_0 with itself and with what it lacks. Unfitted, it answers with s_0.

    Args:
        belief: knows H, for s_0.
        filter_side: pixels a side of c, odd.
        penalty: λ.

    Maps x (n, …), as the degradation makes it, to images (n, side, side), grey levels from 0 to 1.

    Source: Section 5.1, discriminative learning; Wiener, 1949.
    """

    name = "learned_filter"
    family = Family.DISCRIMINATIVE_LEARNING

    def __init__(
        self,
        belief: DegradedImages,
        *,
        filter_side: Annotated[int, Ge(1)] = 9,
        penalty: Annotated[float, Gt(0)] = 1e-4,
    ) -> None:
        super().__init__(belief)
        if filter_side % 2 == 0:
            raise ValueError(f"filter_side is {filter_side}: should be odd, for a pixel at centre")
        self.penalty = penalty
        self.kernel = nn.Parameter(torch.zeros(filter_side, filter_side, dtype=torch.float64))
        self.offset = nn.Parameter(torch.zeros((), dtype=torch.float64))

    def forward(self, x: Annotated[Tensor, "(n, …)"]) -> Annotated[Tensor, "(n, side, side)"]:
        """Map observations to images (n, side, side)."""
        s = self.H.start(x)
        added = filtered(s - 0.5, transfer_function(self.kernel, s.shape[1], s.shape[2]))
        return s + added + self.offset

    def solve(self, train: Split) -> None:
        """Solve the equations of Wiener and Hopf for the filter, and then for the offset."""
        s = self.H.start(train.x)
        u, lacking = s - 0.5, train.s - s
        centre, left = u.mean(), lacking.mean()
        U = torch.fft.rfft2(u - centre)
        sides = u.shape[1:]
        own = torch.fft.irfft2(U.abs().square().sum(0), s=sides)
        cross = torch.fft.irfft2((U.conj() * torch.fft.rfft2(lacking - left)).sum(0), s=sides)
        m = len(self.kernel)
        at = torch.arange(m, device=s.device) - m // 2
        rows, columns = (each.flatten() for each in torch.meshgrid(at, at, indexing="ij"))
        height, width = sides
        down = (rows[:, None] - rows) % height
        gram = own[down, (columns[:, None] - columns) % width]
        gram = gram + self.penalty * own[0, 0] * torch.eye(m * m, dtype=s.dtype, device=s.device)
        kernel = torch.linalg.solve(gram, cross[rows % height, columns % width])
        self.kernel.copy_(kernel.view(m, m))
        self.offset.copy_(left - kernel.sum() * centre)
