"""A mixture of Gaussians for small patches of images: its fit, and the denoiser that it makes."""

from __future__ import annotations

import math
from typing import Annotated, NamedTuple

import torch
from torch import Tensor


class Mixture(NamedTuple):
    """A Gaussian mixture of zero mean: Σ_k π_k N(0, C_k)."""

    log_weights: Tensor
    """log π_k (K,), up to a number that all share."""
    covariances: Tensor
    """C_k (K, d, d); only their symmetric parts count."""


def expectation_maximization(
    p: Annotated[Tensor, "(n, d)"], components: int, rounds: int, prior: float, floor: float
) -> Mixture:
    """Fit a mixture to vectors by expectation and maximization.

    r_ik ∝ π_k N(p_i; 0, C_k),  π_k ∝ Σ_i r_ik + 1,
    C_k = (Σ_i r_ik p_i p_iᵀ + ν C) / (Σ_i r_ik + ν) + ε tr(C)/d · I

    C is the covariance of all, which stands for ν more vectors in each component. Vectors are at
    first sorted by length into as many equal parts as there are components.

    Args:
        p: (n, d).
        components: K.
        rounds: of both steps.
        prior: ν > 0.
        floor: ε > 0, so that what nothing varies in has a logarithm.

    Source: Dempster, Laird and Rubin, 1977; Zoran and Weiss, 2011, for patches.
    """
    n, d = p.shape
    C = p.mT @ p / n
    small = floor * C.diagonal().mean() * torch.eye(d, dtype=p.dtype, device=p.device)
    length = p.square().sum(1)
    part = (length.argsort().argsort() * components).div(n, rounding_mode="floor")
    r = torch.nn.functional.one_hot(part, components).to(p)
    for i in range(rounds + 1):
        mass = r.sum(0)
        scatter = torch.stack([(p * r[:, k, None]).mT @ p for k in range(components)])
        covariances = (scatter + prior * C) / (mass + prior)[:, None, None] + small
        mixture = Mixture(((mass + 1) / (n + components)).log(), covariances)
        if i < rounds:
            r = log_joint(p, mixture).softmax(1)
    return mixture


def log_joint(
    p: Annotated[Tensor, "(n, d)"], mixture: Mixture, variance: float = 0.0
) -> Annotated[Tensor, "(n, K)"]:
    """Return log π_k N(p_i; 0, C_k + v I) (n, K), up to a number that all share.

    Args:
        p: (n, d).
        mixture: K components of d entries.
        variance: v ≥ 0, of white noise.
    """
    return _whitened(p, mixture, variance)[2]


def posterior_mean(
    p: Annotated[Tensor, "(n, d)"], mixture: Mixture, variance: float
) -> Annotated[Tensor, "(n, d)"]:
    """Return the posterior mean of vectors that were observed in white noise.

    Σ_k r_k C_k (C_k + v I)⁻¹ p = p − v Σ_k r_k (C_k + v I)⁻¹ p

    Args:
        p: observed (n, d).
        mixture: K components of d entries.
        variance: v > 0, of the noise.
    """
    inverse, whitened, log_density = _whitened(p, mixture, variance)
    r = log_density.softmax(1)
    return p - variance * ((r[..., None] * whitened).flatten(1) @ inverse.flatten(0, 1))


def _whitened(p: Tensor, mixture: Mixture, variance: float) -> tuple[Tensor, Tensor, Tensor]:
    """Return L⁻¹ (K, d, d), L Lᵀ = C + v I, L⁻¹p (n, K, d), and log π N(p; 0, C + v I) (n, K)."""
    covariances = (mixture.covariances + mixture.covariances.mT) / 2
    eye = torch.eye(p.shape[1], dtype=p.dtype, device=p.device)
    L = torch.linalg.cholesky(covariances + variance * eye)
    inverse = torch.linalg.solve_triangular(L, eye.expand_as(L), upper=False)
    whitened = (p @ inverse.flatten(0, 1).mT).unflatten(1, inverse.shape[:2])
    log_det = L.diagonal(dim1=1, dim2=2).log().sum(1)
    log_density = mixture.log_weights - log_det - whitened.square().sum(2) / 2
    return inverse, whitened, log_density


def windows(
    z: Annotated[Tensor, "(n, height, width)"], side: int, stride: int
) -> Annotated[Tensor, "(n, rows, columns, side²)"]:
    """Return the square windows of periodic images, at every ``stride``-th place.

    They are (n, rows, columns, side²).

    Args:
        z: images (n, height, width).
        side: pixels a side of a window.
        stride: pixels from one to the next.
    """
    shifted = [z.roll((-i, -j), (1, 2))[:, ::stride, ::stride] for i, j in _offsets(side)]
    return torch.stack(shifted, -1)


def averaged(
    p: Annotated[Tensor, "(n, rows, columns, side²)"], height: int, width: int, stride: int
) -> Annotated[Tensor, "(n, height, width)"]:
    """Return images (n, height, width): each pixel is the mean of what windows say of it.

    Args:
        p: windows (n, rows, columns, side²), as of :func:`windows`.
        height: of the images, in pixels.
        width: of the images, in pixels.
        stride: at most the windows' side, so that each pixel is in some window.
    """
    total = p.new_zeros(len(p), height, width)
    count = p.new_zeros(1, height, width)
    for said, (i, j) in zip(p.unbind(-1), _offsets(math.isqrt(p.shape[-1])), strict=True):
        for whole, part in ((total, said), (count, torch.ones_like(said[:1]))):
            place = torch.zeros_like(whole)
            place[:, ::stride, ::stride] = part
            whole.add_(place.roll((i, j), (1, 2)))
    return total / count


def denoised(
    z: Annotated[Tensor, "(n, height, width)"], mixture: Mixture, variance: float, stride: int
) -> Annotated[Tensor, "(n, height, width)"]:
    """Return images made of the posterior means of their windows, each about its own mean.

    Args:
        z: images (n, height, width).
        mixture: of windows less their means.
        variance: of the noise, > 0.
        stride: pixels from one window to the next.
    """
    side = math.isqrt(mixture.covariances.shape[-1])
    found = []
    for image in z.split(1):  # what is made of an image has its place in the cache
        p = windows(image, side, stride)
        mean = p.mean(-1, keepdim=True)
        flat = posterior_mean((p - mean).flatten(0, 2), mixture, variance)
        _, height, width = image.shape
        found.append(averaged(flat.view(p.shape) + mean, height, width, stride))
    return torch.cat(found)


def _offsets(side: int) -> list[tuple[int, int]]:
    return [(i, j) for i in range(side) for j in range(side)]
