"""Convolutions of the frames of complex movies, which stand where a step has products."""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor


def frame_convolutions(
    movies: Annotated[Tensor, "(n, T, C, N, N)"], kernels: Annotated[Tensor, "(D, C, k, k, 2)"]
) -> Annotated[Tensor, "(D, n, T, N, N)"]:
    """Return sums of convolutions, frame by frame (D, n, T, N, N): z_d = Σ_c P_dc ∗ y_c.

    Beyond its edges a frame is 0, and z_d is where y_c is.

    Args:
        movies: y (n, T, C, N, N), complex, C of them a row.
        kernels: P (D, C, k, k, 2), k odd, real and imaginary parts.
    """
    N, k = movies.shape[-1], kernels.shape[2]
    whole = (N + k - 1, N + k - 1)  # so that nothing that leaves at one edge enters at the other
    P = torch.fft.fft2(torch.view_as_complex(kernels), s=whole)
    y = torch.fft.fft2(movies, s=whole)
    z = torch.fft.ifft2((P[:, None, None] * y).sum(3))
    middle = slice(k // 2, k // 2 + N)
    return z[..., middle, middle]


def kernels_of_numbers(numbers: tuple[float, ...], side: int) -> Annotated[Tensor, "(C, k, k, 2)"]:
    """Return kernels (C, k, k, 2) that multiply each of C movies by a number.

    Args:
        numbers: by which, one a movie.
        side: k, odd.
    """
    kernels = torch.zeros(len(numbers), side, side, 2, dtype=torch.float64)
    kernels[:, side // 2, side // 2, 0] = torch.tensor(numbers, dtype=torch.float64)
    return kernels
