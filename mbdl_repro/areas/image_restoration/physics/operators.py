"""H with its adjoint, and the inverses that restoration needs in closed form.

Images s are (n, height, width); what is observed of them, x, has the shape that each operator
says. Operators hold for images of every size that they can divide, not only for the belief's.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from mbdl_repro.areas.image_restoration.physics.degradation import SMALLEST_SIDE, DegradedImages


class Operator(nn.Module, ABC):
    """A linear map H from images to observations.

    The kernel or matrix is a buffer that is not stored: a belief tells it anew.
    """

    @abstractmethod
    def forward(self, s: Tensor) -> Tensor:
        """Return H s."""

    @abstractmethod
    def adjoint(self, x: Tensor) -> Tensor:
        """Return Hᵀx, images."""

    @abstractmethod
    def solve_gram(self, x: Tensor, ridge: Tensor | float) -> Tensor:
        """Return (H Hᵀ + ρ I)⁻¹x.

        Args:
            x: observations (n, …), as :meth:`forward` makes them.
            ridge: ρ > 0, a number, or one an observation (n,).
        """

    @abstractmethod
    def lipschitz_constant(self, side: int) -> float:
        """Return the largest eigenvalue of HᵀH for images with so many pixels a side."""

    @abstractmethod
    def image_sides(self, x: Tensor) -> tuple[int, int]:
        """Return the height and width of the images that x were observed of."""

    def gradient(self, s: Tensor, x: Tensor) -> Tensor:
        """Return Hᵀ(H s − x), the gradient of ½‖x − H s‖² in s.

        Args:
            s: images (n, height, width).
            x: observations (n, …), as :meth:`forward` makes them.

        Returns:
            Images (n, height, width).
        """
        return self.adjoint(self(s) - x)

    def proximal(self, z: Tensor, x: Tensor, ridge: Tensor | float) -> Tensor:
        """Return the image near z that agrees with x, in closed form.

        argmin_s ½‖x − H s‖² + ρ/2 ‖s − z‖² = z + Hᵀ(H Hᵀ + ρ I)⁻¹(x − H z)

        Args:
            z: images (n, height, width).
            x: observations (n, …), as :meth:`forward` makes them.
            ridge: ρ > 0, a number, or one an observation (n,).
        """
        return z + self.adjoint(self.solve_gram(x - self(z), ridge))

    def start(self, x: Tensor) -> Tensor:
        """Return a first image, linear in x: Hᵀ(H Hᵀ + L/100 · I)⁻¹x if not said otherwise.

        L is the largest eigenvalue of HᵀH.

        Raises:
            ValueError: if no square image of a sensible size has such observations.
        """
        self.check(x)
        ridge = self.lipschitz_constant(self.image_sides(x)[0]) / 100
        return self.adjoint(self.solve_gram(x, ridge))

    def check(self, x: Tensor) -> None:
        """Refuse observations of which no square image of a sensible size comes.

        Raises:
            ValueError: saying which shape they have and which is allowed.
        """
        height, width = self.image_sides(x)
        if height != width:
            raise ValueError(
                f"observations of shape {tuple(x.shape)} are of images of {height} × {width} "
                "pixels: they should be square"
            )
        if height < SMALLEST_SIDE:
            raise ValueError(
                f"observations of shape {tuple(x.shape)} are of images of {height} × {width} "
                f"pixels: they should have {SMALLEST_SIDE} a side or more"
            )


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


class BlockMatrix(Operator):
    """The same matrix applied to each block of an image: x (n, blocks down, blocks across, m).

    Args:
        matrix: (m, side²).
        block_side: pixels a side of a block.
    """

    def __init__(self, matrix: Tensor, block_side: int) -> None:
        super().__init__()
        self.matrix: Tensor
        self.left: Tensor
        self.singular_values: Tensor
        self.register_buffer("matrix", matrix, persistent=False)
        self.gain: Tensor
        self.register_buffer("gain", _smooth_gain(matrix, block_side), persistent=False)
        U, values, _ = torch.linalg.svd(matrix, full_matrices=False)
        self.register_buffer("left", U, persistent=False)
        self.register_buffer("singular_values", values, persistent=False)
        self.block_side = block_side

    def image_sides(self, x: Tensor) -> tuple[int, int]:
        """Return the block's side times the number of blocks."""
        if x.ndim != 4 or x.shape[3] != len(self.matrix):
            raise ValueError(
                f"observations have the shape {tuple(x.shape)}: should be (n, blocks down, "
                f"blocks across, {len(self.matrix)}), as many measurements as the matrix has rows"
            )
        return self.block_side * x.shape[1], self.block_side * x.shape[2]

    def forward(self, s: Tensor) -> Tensor:
        """Return the measurements of each block.

        Raises:
            ValueError: if blocks do not divide the images.
        """
        n, height, width = s.shape
        b = self.block_side
        if height % b or width % b:
            raise ValueError(
                f"images have {height} × {width} pixels: should be multiples of block_side, {b}"
            )
        cut = s.reshape(n, height // b, b, width // b, b).transpose(2, 3)
        return cut.reshape(n, height // b, width // b, b * b) @ self.matrix.mT

    def adjoint(self, x: Tensor) -> Tensor:
        """Put back each block's Hᵀx."""
        n, down, across, _ = x.shape
        b = self.block_side
        cut = (x @ self.matrix).view(n, down, across, b, b)
        return cut.transpose(2, 3).reshape(n, down * b, across * b)

    def solve_gram(self, x: Tensor, ridge: Tensor | float) -> Tensor:
        """Divide in the coordinates of the left singular vectors."""
        rho = ridge[:, None, None, None] if isinstance(ridge, Tensor) and ridge.ndim else ridge
        return (x @ self.left) / (self.singular_values.square() + rho) @ self.left.mT

    def start(self, x: Tensor) -> Tensor:
        """Return the linear estimate of each block that is best for smooth images.

        s = ½ + C Hᵀ(H C Hᵀ + ε I)⁻¹(x − H ½),  where C has r^(rows + columns apart), r = 0.95

        A prior that knows nothing would lose most of an image's brightness, which few random
        projections hardly see. ε is a hundredth of the mean eigenvalue of H C Hᵀ.
        """
        self.check(x)
        grey = 0.5 * self.matrix.sum(1)
        n, down, across, _ = x.shape
        b = self.block_side
        cut = ((x - grey) @ self.gain.mT).view(n, down, across, b, b) + 0.5
        return cut.transpose(2, 3).reshape(n, down * b, across * b)

    def lipschitz_constant(self, side: int) -> float:
        """Return the square of the largest singular value."""
        return self.singular_values[0].item() ** 2


SMOOTHNESS = 0.95
"""Correlation of neighbouring pixels, as textbooks of transform coding have it."""


def _smooth_gain(H: Tensor, side: int) -> Tensor:
    """Return C Hᵀ(H C Hᵀ + ε I)⁻¹ (side², m) of a block (see :meth:`BlockMatrix.start`)."""
    places = torch.arange(side, dtype=H.dtype)
    R = SMOOTHNESS ** (places[:, None] - places).abs()
    CHt = (R @ H.view(-1, side, side) @ R).view(-1, side**2).mT
    gram = H @ CHt
    gram = gram + gram.diagonal().mean() / 100 * torch.eye(len(H), dtype=H.dtype)
    return torch.linalg.solve(gram, CHt.mT).mT.contiguous()


def operator_of(belief: DegradedImages) -> Operator:
    """Return H as this belief has it.

    Raises:
        ValueError: if the belief does not know H.
    """
    degradation = belief.required("degradation")
    if degradation == "compressed_sensing":
        return BlockMatrix(torch.tensor(belief.matrix), belief.block_side)
    if degradation == "blind_deblurring":
        raise ValueError(
            "H is asked for, and in blind_deblurring nobody knows it: use a method that "
            "estimates the kernel, or a belief with degradation: deblurring"
        )
    return BlurAndDecimate(torch.tensor(belief.kernel), belief.decimation)


def transfer_function(kernel: Tensor, height: int, width: int) -> Tensor:
    """Return the transform of a centred kernel on a periodic image, (…, height, width // 2 + 1).

    Args:
        kernel: (…, 2r + 1, 2r + 1); where it is larger than the image it is wrapped around it.
        height: of the image, in pixels.
        width: of the image, in pixels.
    """
    return torch.fft.rfft2(_padded(kernel, height, width))


def filtered(s: Tensor, transfer: Tensor) -> Tensor:
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
