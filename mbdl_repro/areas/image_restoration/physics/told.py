"""H where each image comes with the kernel and the scale that it was observed with."""

from __future__ import annotations

from typing import Annotated, NamedTuple

import torch
from torch import Tensor

from mbdl_repro.areas.image_restoration.physics.blur import filtered
from mbdl_repro.areas.image_restoration.physics.operator import Operator


class ToldBlurs(Operator):
    """Periodic convolution, of which every f-th pixel in each direction is kept: k and f by image.

    What is observed keeps the image's size, and is 0 where no pixel was kept. H Hᵀ is then diagonal
    in Fourier space, too: its eigenvalues are the transform of the kernel's autocorrelation, where
    it is kept, which is the mean of |k̂|² over the f² frequencies that decimation makes one.

    Args:
        kernels: k (n, side, side), each with its centre in the middle.
        scales: f (n,), whole numbers.

    Source: Zhao et al., 2016 (fast single image super-resolution), for the closed form.
    """

    def __init__(
        self, kernels: Annotated[Tensor, "(n, side, side)"], scales: Annotated[Tensor, "(n,)"]
    ) -> None:
        super().__init__()
        centre = [-(side // 2) for side in kernels.shape[1:]]
        self.transfer = torch.fft.rfft2(kernels.roll(centre, (1, 2)))
        self.kept = lattice(scales, kernels.shape[-1])
        squared = self.transfer.abs().square()
        autocorrelation = torch.fft.irfft2(squared, s=kernels.shape[1:])
        # The transform of what is even is real, and rounding alone makes it negative.
        self.gram = torch.fft.rfft2(self.kept * autocorrelation).real.clamp_min(0)

    def image_sides(self, x: Tensor) -> tuple[int, int]:
        """Return those of what is observed."""
        return x.shape[1], x.shape[2]

    def forward(self, s: Tensor) -> Tensor:
        """Return the blurred images, 0 where no pixel is kept."""
        return self.kept * filtered(s, self.transfer)

    def adjoint(self, x: Tensor) -> Tensor:
        """Take what was kept, and correlate with the kernel."""
        return filtered(self.kept * x, self.transfer.conj())

    def solve_gram(self, x: Tensor, ridge: Tensor | float) -> Tensor:
        """Divide by the folded spectrum."""
        rho = ridge[:, None, None] if isinstance(ridge, Tensor) and ridge.ndim else ridge
        return filtered(x, 1 / (self.gram + rho))

    def lipschitz_constant(self, side: int) -> float:
        """Return the largest eigenvalue of HᵀH of any of the images."""
        return self.largest.max().item()

    @property
    def largest(self) -> Annotated[Tensor, "(n,)"]:
        """The largest eigenvalue of HᵀH of each image (n,)."""
        return self.gram.amax((1, 2))

    def start(self, x: Tensor) -> Tensor:
        """Return Hᵀ(H Hᵀ + L/100 · I)⁻¹x, L of each image."""
        return self.adjoint(self.solve_gram(x, self.largest / 100))


class Told(NamedTuple):
    """An observation, and what is told of it."""

    H: ToldBlurs
    y: Tensor
    """What was observed (n, side, side), 0 where no pixel was kept."""
    scales: Tensor
    """f (n,)."""
    noise_std: Tensor
    """σ (n,)."""


def told(x: Annotated[Tensor, "(n, 4, side, side)"]) -> Told:
    """Return what planes (n, 4, side, side) hold: y, the kernel, f and σ.

    Args:
        x: planes as the scenario ``many_degradations`` makes them.

    Raises:
        ValueError: x has another shape.
    """
    if x.ndim != 4 or x.shape[1] != 4 or x.shape[2] != x.shape[3]:
        raise ValueError(f"x has the shape {tuple(x.shape)}: should be (n, 4, side, side)")
    scales, noise_std = x[:, 2, 0, 0], x[:, 3, 0, 0]
    H = ToldBlurs(x[:, 1], scales)
    return Told(H, H.kept * x[:, 0], scales, noise_std)


def lattice(scales: Annotated[Tensor, "(n,)"], side: int) -> Annotated[Tensor, "(n, side, side)"]:
    """Return maps (n, side, side): 1 at every f-th pixel both ways, from the first on, and else 0.

    Args:
        scales: f (n,).
        side: of the images.
    """
    places = torch.arange(side, dtype=scales.dtype, device=scales.device)
    kept = (places % scales[:, None].round() == 0).to(scales)
    return kept[:, :, None] * kept[:, None, :]


def interpolated(
    y: Annotated[Tensor, "(n, side, side)"], scales: Annotated[Tensor, "(n,)"]
) -> Annotated[Tensor, "(n, side, side)"]:
    """Return images (n, side, side) by cubic convolution between the pixels that were kept.

    Args:
        y: what was observed (n, side, side), 0 where no pixel was kept.
        scales: f (n,).

    Source: Keys, 1981.
    """
    side = y.shape[-1]
    places = torch.arange(side, dtype=y.dtype, device=y.device)
    apart = (places[:, None] - places + side // 2) % side - side // 2
    t = apart.abs() / scales[:, None, None]
    near = 1 - 2.5 * t**2 + 1.5 * t**3
    far = 2 - 4 * t + 2.5 * t**2 - 0.5 * t**3
    C = torch.where(t <= 1, near, torch.where(t < 2, far, 0.0))
    return C @ y @ C.mT
