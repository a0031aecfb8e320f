"""From movies to maps of emitters: images of a movie, and steps towards the map behind them.

Maps s are (n, G, G), images g are (n, N, N), and s is seen as B s Bᵀ, with B (N, G).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Annotated

import torch
from torch import Tensor

from mbdl_repro.areas.sparse_recovery.updates.gradient_steps import momenta, moved

Maps = Annotated[Tensor, "(n, G, G)"]
Images = Annotated[Tensor, "(n, N, N)"]


def variance_image(x: Annotated[Tensor, "(n, T, N, N)"], noise_std: float) -> Images:
    """Return the variance over frames of each pixel, less that of the noise.

    Of uncorrelated emitters the mean is a² B V Bᵀ, with B = A ∘ A. It may be negative.

    Args:
        x: movies (n, T, N, N).
        noise_std: σ of each pixel in each frame.
    """
    return x.var(1) - noise_std**2


def seen(s: Maps, B: Annotated[Tensor, "(N, G)"]) -> Images:
    """Return B s Bᵀ.

    Args:
        s: maps (n, G, G).
        B: what rows of the camera see of rows of a map (N, G).
    """
    return B @ s @ B.mT


def map_gradient(s: Maps, g: Images, B: Annotated[Tensor, "(N, G)"]) -> Maps:
    """Return the gradient of ½‖g − B s Bᵀ‖² in s, Bᵀ(B s Bᵀ − g) B.

    Args:
        s: maps (n, G, G).
        g: images (n, N, N).
        B: (N, G).
    """
    return B.mT @ (seen(s, B) - g) @ B


def map_lipschitz_constant(B: Annotated[Tensor, "(N, G)"]) -> float:
    """Return the largest eigenvalue ‖B‖⁴ of s → BᵀB s BᵀB: steps up to its inverse never rise.

    Args:
        B: (N, G).
    """
    return torch.linalg.matrix_norm(B, 2).item() ** 4


def nonnegative_threshold(z: Tensor, threshold: float) -> Tensor:
    """Shrink towards zero, and cut at it: argmin_{s ≥ 0} ½(s − z)² + β s = max(z − β, 0).

    Args:
        z: any shape.
        threshold: β ≥ 0.
    """
    return (z - threshold).clamp_min(0.0)


def smooth_threshold(z: Tensor, threshold: Tensor | float, sharpness: Tensor | float) -> Tensor:
    """Keep what is well above a threshold, and nothing that is negative.

    S(z) = max(z, 0) / (1 + exp(−τ (z/θ − 1)))

    A smooth gate in place of a step at θ: gradients reach the threshold, and what is kept keeps
    its size.

    Args:
        z: any shape.
        threshold: θ > 0.
        sharpness: τ > 0.

    Source: Dardikman-Yoffe and Eldar, 2020, where θ is a percentile of z, and τ is not relative.
    """
    return z.relu() * torch.sigmoid(sharpness * (z / threshold - 1))


def nonnegative_fista(
    g: Images, B: Annotated[Tensor, "(N, G)"], rho: float, step: float, iterations: int
) -> Iterator[Maps]:
    """Yield s_0 = 0, s_1, … of FISTA on ½‖g − B s Bᵀ‖² + ρ Σ s over s ≥ 0.

    Args:
        g: images (n, N, N).
        B: (N, G).
        rho: ρ ≥ 0.
        step: μ, at most the inverse of :func:`map_lipschitz_constant`.
        iterations: K.

    Source: Beck and Teboulle, 2009, section 4; on variance images Solomon, Eldar, Mutzafi and
    Segev, 2019.
    """
    s = z = g.new_zeros(len(g), B.shape[1], B.shape[1])
    yield s
    for momentum in islice(momenta(), iterations):
        previous = s
        s = nonnegative_threshold(moved(z, map_gradient(z, g, B), -step), step * rho)
        z = s + momentum * (s - previous)
        yield s


def map_errors(
    estimate: Maps, s: Maps, K: Annotated[Tensor, "(G, G)"]
) -> Annotated[Tensor, "(n,)"]:
    """Return the error (n,) of blurred maps at the best scale, over the energy of the truth.

    min_c ‖c ŝ′ − s′‖² / ‖s′‖²,    s′ = K s Kᵀ

    Where an estimate vanishes and the truth does not, it is 1.

    Args:
        estimate: ŝ (n, G, G).
        s: the truth (n, G, G).
        K: blur of each side (G, G).
    """
    ours, theirs = seen(estimate, K).flatten(1), seen(s, K).flatten(1)
    tiny = torch.finfo(ours.dtype).tiny
    scale = (ours * theirs).sum(1) / ours.square().sum(1).clamp_min(tiny)
    distance = (scale[:, None] * ours - theirs).square().sum(1)
    return distance / theirs.square().sum(1).clamp_min(tiny)
