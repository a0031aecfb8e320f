"""Periodic convolutions, and H that blurs and leaves pixels out."""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor

from mbdl_repro.areas.image_restoration.physics.operator import Operator


class BlurAndDecimate(Operator):
    """Periodic convolution, of which every f-th pixel in each direction is kept.

    In Fourier space H Hᵀ is diagonal: the mean of |k̂|² over the frequencies that decimation
    makes one.

    Args:
        kernel: (2r + 1, 2r + 1), centred.
        factor: f; 1 keeps all.

    Source: Zhao et al., 2016 (fast single image super-resolution), for the closed form.
    """

    def __init__(self, kernel: Tensor, factor: int) -> None:
        super().__init__()
        self.kernel: Tensor
        self.register_buffer("kernel", kernel, persistent=False)
        self.factor = factor

    def image_sides(self, x: Tensor) -> tuple[int, int]:
        """Return f times what is observed."""
        if x.ndim != 3:
            raise ValueError(
                f"observations have the shape {tuple(x.shape)}: should be (n, side, side)"
            )
        return self.factor * x.shape[1], self.factor * x.shape[2]

    def forward(self, s: Tensor) -> Tensor:
        """Return the blurred images, decimated: (n, height/f, width/f)."""
        if self.kernel.numel() > 1:
            s = filtered(s, transfer_function(self.kernel, s.shape[1], s.shape[2]))
        return s[:, :: self.factor, :: self.factor]

    def adjoint(self, x: Tensor) -> Tensor:
        """Put zeros in between, and correlate with the kernel."""
        f = self.factor
        if f > 1:
            s = x.new_zeros(len(x), f * x.shape[1], f * x.shape[2])
            s[:, ::f, ::f] = x
            x = s
        if self.kernel.numel() > 1:
            x = filtered(x, transfer_function(self.kernel, x.shape[1], x.shape[2]).conj())
        return x

    def solve_gram(self, x: Tensor, ridge: Tensor | float) -> Tensor:
        """Divide by the folded spectrum."""
        gain = self._gram(self.factor * x.shape[1], self.factor * x.shape[2])
        rho = ridge[:, None, None] if isinstance(ridge, Tensor) and ridge.ndim else ridge
        return filtered(x, 1 / (gain + rho))

    def lipschitz_constant(self, side: int) -> float:
        """Return the largest value of the folded spectrum."""
        return self._gram(side, side).max().item()

    def _gram(self, height: int, width: int) -> Tensor:
        """Return the eigenvalues of H Hᵀ, (height/f, width/f // 2 + 1)."""
        f = self.factor
        padded = _padded(self.kernel, height, width)
        power = torch.fft.fft2(padded).abs().square()
        folded = power.view(f, height // f, f, width // f).mean((0, 2))
        return folded[:, : width // f // 2 + 1]


def transfer_function(
    kernel: Annotated[Tensor, "(…, 2r + 1, 2r + 1)"], height: int, width: int
) -> Tensor:
    """Return the transform of a centred kernel on a periodic image, (…, height, width // 2 + 1).

    Args:
        kernel: (…, 2r + 1, 2r + 1); where it is larger than the image it is wrapped around it.
        height: of the image, in pixels.
        width: of the image, in pixels.
    """
    return torch.fft.rfft2(_padded(kernel, height, width))


def filtered(
    s: Annotated[Tensor, "(…, height, width)"],
    transfer: Annotated[Tensor, "(…, height, width // 2 + 1)"],
) -> Annotated[Tensor, "(…, height, width)"]:
    """Return images (…, height, width) whose transforms are multiplied by this one.

    Args:
        s: images (…, height, width).
        transfer: a transform (…, height, width // 2 + 1), as of :func:`transfer_function`; what
            stands before is broadcast.
    """
    return torch.fft.irfft2(torch.fft.rfft2(s) * transfer, s=s.shape[-2:])


def _padded(kernel: Tensor, height: int, width: int) -> Tensor:
    """Return the kernel on the grid of the image, its centre at the first pixel."""
    *batch, side, _ = kernel.shape
    rows = (torch.arange(side, device=kernel.device) - side // 2) % height
    columns = (torch.arange(side, device=kernel.device) - side // 2) % width
    place = (rows[:, None] * width + columns).flatten()
    grid = kernel.new_zeros(*batch, height * width)
    return grid.index_add(-1, place, kernel.flatten(-2)).view(*batch, height, width)
