"""What is known of an amplitude that is seen by itself, in Gaussian noise."""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor

LEAST_VARIANCE = 1e-10
"""Of an error that is estimated: as in the published code of OAMP-Net."""


def log_posterior(
    matched: Tensor, gain: Tensor, levels: Annotated[Tensor, "(M,)"]
) -> Annotated[Tensor, "(..., M)"]:
    """Return log p(s | y) (..., M) of equally probable amplitudes.

    log p(s | y) = m s − g s²/2 + constant,  as of y = s + N(0, 1/g),  m = g y

    Args:
        matched: m, of any shape.
        gain: g > 0, one over the variance of the noise, of a shape that goes with it.
        levels: the amplitudes (M,).
    """
    score = (matched[..., None] - gain[..., None] * levels / 2) * levels
    return score.log_softmax(-1)


def mean_and_variance(
    log_p: Annotated[Tensor, "(..., M)"], levels: Annotated[Tensor, "(M,)"]
) -> tuple[Tensor, Tensor]:
    """Return E[s] and E[s²] − E[s]² (...).

    Args:
        log_p: of each amplitude (..., M).
        levels: the amplitudes (M,).
    """
    p = log_p.exp()
    mean = p @ levels
    return mean, (p * (levels - mean[..., None]).square()).sum(-1)


def posterior_mean(
    seen: Tensor, variance: Tensor, levels: Annotated[Tensor, "(M,)"]
) -> tuple[Tensor, Tensor]:
    """Return the mean and the variance (...) of amplitudes that are seen in Gaussian noise.

    E[S | S + N(0, τ²) = r]

    Args:
        seen: r, of any shape.
        variance: τ², of a shape that goes with it.
        levels: the amplitudes (M,), equally probable.
    """
    gain = 1 / variance
    return mean_and_variance(log_posterior(seen * gain, gain, levels), levels)


def answer(
    log_p: Annotated[Tensor, "(..., M)"], levels: Annotated[Tensor, "(M,)"]
) -> Annotated[Tensor, "(...)"]:
    """Return an estimate (...) whose nearest amplitude is the most probable one.

    The mean, if there are two; of more the most probable one itself.

    Args:
        log_p: of each amplitude (..., M).
        levels: the amplitudes (M,).
    """
    if len(levels) == 2:
        return log_p.exp() @ levels
    return levels[log_p.argmax(-1)]


def uniform(like: Tensor, n_levels: int) -> Annotated[Tensor, "(..., M)"]:
    """Return log 1/M of each amplitude (..., M), before anything is known.

    Args:
        like: of the shape of the amplitudes.
        n_levels: M.
    """
    return torch.zeros_like(like)[..., None].expand(*like.shape, n_levels).log_softmax(-1)
