"""Moments of angles: what a Toeplitz covariance of their sources is made of.

c_k = Σ_m exp(j 2π d k sin θ_m) stands on the k-th diagonal of A Aᴴ = Σ_m a(θ_m) a(θ_m)ᴴ, of a
uniform array of spacing d. They do not depend on the order of the angles, and go on over ±90° at
half a wavelength.
"""

from __future__ import annotations

import math
from typing import Annotated

import torch
from torch import Tensor


def moments_of(
    s: Annotated[Tensor, "(n, M)"], n_sensors: int, spacing: float
) -> Annotated[Tensor, "(n, N)"]:
    """Return c_0 … c_{N−1} (n, N), complex, of angles (n, M) in rad.

    Args:
        s: angles (n, M).
        n_sensors: N.
        spacing: d, in wavelengths.
    """
    k = torch.arange(n_sensors, dtype=s.dtype, device=s.device)
    return torch.exp(2j * math.pi * spacing * k * s.sin()[..., None]).sum(-2)


def real_moments(c: Annotated[Tensor, "(n, N)"]) -> Annotated[Tensor, "(n, 2(N − 1))"]:
    """Return the real parts of c_1 … c_{N−1}, then the imaginary ones (n, 2(N − 1)).

    Args:
        c: moments c_0 … c_{N−1} (n, N), complex.
    """
    return torch.cat([c.real[..., 1:], c.imag[..., 1:]], -1)


def complex_moments(
    parts: Annotated[Tensor, "(n, 2(N − 1))"], n_sources: int
) -> Annotated[Tensor, "(n, N)"]:
    """Return c_0 … c_{N−1} (n, N) of what :func:`real_moments` returns; c_0 = M.

    Args:
        parts: real parts of c_1 … c_{N−1}, then the imaginary ones (n, 2(N − 1)).
        n_sources: M.
    """
    real, imaginary = parts.chunk(2, -1)
    pad = torch.nn.functional.pad
    return torch.complex(pad(real, (1, 0), value=float(n_sources)), pad(imaginary, (1, 0)))
