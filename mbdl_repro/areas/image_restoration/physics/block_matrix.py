"""H of compressed sensing: one matrix for every block of an image."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from mbdl_repro.areas.image_restoration.physics.operator import Operator

SMOOTHNESS = 0.95
"""Correlation of neighbouring pixels, as textbooks of transform coding have it."""


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
        found = _decomposed(matrix.numpy(force=True).tobytes(), matrix.dtype, block_side)
        for name, tensor in found._asdict().items():
            self.register_buffer(name, tensor.to(matrix.device), persistent=False)
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


class _Decomposed(NamedTuple):
    """What is made of a matrix: see :class:`BlockMatrix`."""

    gain: Tensor
    left: Tensor
    singular_values: Tensor


@lru_cache(maxsize=8)
def _decomposed(matrix: bytes, kind: torch.dtype, side: int) -> _Decomposed:
    """Decompose a matrix once for all methods, and all settings of them, that know it."""
    H = torch.frombuffer(bytearray(matrix), dtype=kind).view(-1, side**2)
    left, values, _ = torch.linalg.svd(H, full_matrices=False)
    return _Decomposed(_smooth_gain(H, side), left, values)


def _smooth_gain(H: Tensor, side: int) -> Tensor:
    """Return C Hᵀ(H C Hᵀ + ε I)⁻¹ (side², m) of a block (see :meth:`BlockMatrix.start`)."""
    places = torch.arange(side, dtype=H.dtype)
    R = SMOOTHNESS ** (places[:, None] - places).abs()
    CHt = (R @ H.view(-1, side, side) @ R).view(-1, side**2).mT
    gram = H @ CHt
    gram = gram + gram.diagonal().mean() / 100 * torch.eye(len(H), dtype=H.dtype)
    return torch.linalg.solve(gram, CHt.mT).mT.contiguous()
