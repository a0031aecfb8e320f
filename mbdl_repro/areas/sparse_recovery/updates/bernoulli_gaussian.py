"""What is known of an entry that is 0 or Gaussian, and seen in white noise."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional


class Posterior(NamedTuple):
    """The posterior of S given Z = z: the probability of a nonzero, and its Gaussian."""

    probability: Tensor
    """π, that S is not 0."""
    center: Tensor
    """Mean of S if it is not 0."""
    spread: Tensor
    """Variance of S if it is not 0."""

    @property
    def mean(self) -> Tensor:
        """E[S | z]."""
        return self.probability * self.center

    @property
    def variance(self) -> Tensor:
        """Var[S | z]."""
        left = self.probability * (1 - self.probability)
        return self.probability * self.spread + left * self.center.square()


def posterior(z: Tensor, tau: Tensor, logit_p: Tensor, v: Tensor) -> Posterior:
    """Return what z says of S, which is N(0, v) with probability p and otherwise 0.

    Z = S + τN,    logit π = logit p + ½ log(τ²/(v + τ²)) + ½ v z² / (τ² (v + τ²)),

    and S, if it is not 0, is N(c z, cτ²), c = v/(v + τ²).

    Args:
        z: any shape.
        tau: τ > 0, broadcast over z.
        logit_p: log(p / (1 − p)).
        v: v > 0.
    """
    noise = tau.square()
    c = v / (v + noise)
    logit = logit_p + 0.5 * (noise / (v + noise)).log() + 0.5 * c * (z / tau).square()
    return Posterior(logit.sigmoid(), c * z, (c * noise).expand_as(z))


def posterior_mean(z: Tensor, tau: Tensor, logit_p: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    """Return E[S | z] and its derivative in z, which is Var[S | z] / τ² (Tweedie).

    Args:
        z: any shape.
        tau: τ > 0, broadcast over z.
        logit_p: log(p / (1 − p)).
        v: v > 0.
    """
    known = posterior(z, tau, logit_p, v)
    return known.mean, known.variance / tau.square()


def negative_log_likelihood(z: Tensor, tau: Tensor, logit_p: Tensor, v: Tensor) -> Tensor:
    """Return −log((1 − p) N(z; 0, τ²) + p N(z; 0, v + τ²)), less ½ log 2π, of every entry.

    Args:
        z: any shape.
        tau: τ > 0, broadcast over z.
        logit_p: log(p / (1 − p)).
        v: v > 0.
    """
    noise = tau.square()
    both = [
        functional.logsigmoid(sign * logit_p) - 0.5 * (var.log() + z.square() / var)
        for sign, var in ((-1, noise), (1, v + noise))
    ]
    return -torch.logaddexp(*both)


def updated_prior(known: Posterior) -> tuple[Tensor, Tensor]:
    """Return p and v that are most likely once the posterior is given: a step of EM.

    p ← mean π,    v ← Σ π (center² + spread) / Σ π

    Args:
        known: the posterior under the p and v before, of entries that share a prior.
    """
    squares = known.probability * (known.center.square() + known.spread)
    return known.probability.mean(), squares.sum() / known.probability.sum()
