"""Orthonormal wavelet transforms of periodic images."""

from __future__ import annotations

from functools import cache
from typing import Annotated

import numpy as np
import pywt
import torch
from torch import Tensor

MOST_LEVELS = 3
"""Levels of a transform where nobody says how many: a detail of level 3 is 8 pixels apart."""


def wavelet_transform(s: Annotated[Tensor, "(n, side, side)"], wavelet: str, levels: int) -> Tensor:
    """Return the coefficients W s of images, in the usual pyramid: one square inside another.

    Of (n, side, side) coefficients the first side/2^levels in each direction are the coarse
    image, around which stand the details of each level, the finest ones last.

    Args:
        s: images (n, side, side), side a multiple of 2^levels.
        wavelet: PyWavelets' name of an orthonormal one, such as ``sym4``.
        levels: how many times the coarse image is transformed again.

    Source: Mallat, 1989.
    """
    side = s.shape[-1]
    c = s
    for level in range(levels):
        n = side >> level
        A = _matrix(wavelet, n, s)
        coarse = A @ c[..., :n, :n] @ A.mT
        c = coarse if n == side else _inside(coarse, c)
    return c


def inverse_wavelet_transform(
    c: Annotated[Tensor, "(n, side, side)"], wavelet: str, levels: int
) -> Annotated[Tensor, "(n, side, side)"]:
    """Return the images (n, side, side) of coefficients: Wᵀc, which is W⁻¹c.

    Args:
        c: coefficients (n, side, side).
        wavelet: as in :func:`wavelet_transform`.
        levels: as in :func:`wavelet_transform`.
    """
    side = c.shape[-1]
    for level in reversed(range(levels)):
        n = side >> level
        A = _matrix(wavelet, n, c)
        fine = A.mT @ c[..., :n, :n] @ A
        c = fine if n == side else _inside(fine, c)
    return c


def levels_of(side: int, levels: int | None) -> int:
    """Return how many levels to take of images with so many pixels a side.

    Args:
        side: pixels.
        levels: what is asked for; ``None``: as many as halve the side, at most 3.

    Raises:
        ValueError: if the side cannot be halved so often.
    """
    halved = (side & -side).bit_length() - 1
    asked = min(halved, MOST_LEVELS) if levels is None else levels
    if asked > halved or halved == 0:
        raise ValueError(
            f"images have {side} pixels a side: should be a multiple of {2 ** max(asked, 1)}, "
            f"for wavelets of {max(asked, 1)} levels"
        )
    return asked


def orthonormal_wavelets() -> tuple[str, ...]:
    """Return PyWavelets' names of those that are orthonormal and of finite length."""
    names = pywt.wavelist(kind="discrete")
    # Meyer's is of infinite length, and no longer orthonormal once it is cut.
    return tuple(name for name in names if pywt.Wavelet(name).orthogonal and name != "dmey")


@cache
def analysis_matrix(wavelet: str, side: int) -> Annotated[np.ndarray, "(side, side)"]:
    """Return one level of a transform along one axis, orthogonal (side, side), read-only.

    Its first half is (A s)_k = Σ_j h_j s_{2k + l/2 − j} with the low-pass filter h of length l,
    its second half the same with the high-pass filter; indices go around.

    Args:
        wavelet: PyWavelets' name of an orthonormal one.
        side: pixels along the axis, an even number.
    """
    filters = pywt.Wavelet(wavelet)
    A = np.zeros((side, side))
    k = np.arange(side // 2)
    for half, h in enumerate((filters.dec_lo, filters.dec_hi)):
        for j, value in enumerate(h):
            np.add.at(A, (k + half * side // 2, (2 * k + len(h) // 2 - j) % side), value)
    A.setflags(write=False)
    return A


def _matrix(wavelet: str, side: int, like: Tensor) -> Tensor:
    return torch.tensor(analysis_matrix(wavelet, side), dtype=like.dtype, device=like.device)


def _inside(inner: Tensor, outer: Tensor) -> Tensor:
    """Return ``outer`` with its first rows and columns replaced."""
    n = inner.shape[-1]
    top = torch.cat([inner, outer[..., :n, n:]], -1)
    return torch.cat([top, outer[..., n:, :]], -2)
