"""OAMP, and its layers with numbers that may be learned."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, NamedTuple

import torch
from annotated_types import Ge, Le
from torch import Tensor

from mbdl_repro.areas.receivers.linear.detector import IterativeDetector, Received
from mbdl_repro.areas.receivers.linear.message_passing import (
    Spectrum,
    decorrelated_mmse,
    error_variance,
    filtered_variance,
)
from mbdl_repro.areas.receivers.linear.posterior import LEAST_VARIANCE, posterior_mean
from mbdl_repro.areas.receivers.systems.linear_mimo import LinearMimo


class Layer(NamedTuple):
    """Numbers of one iteration; those of OAMP are 1, 1, 1 and 0."""

    gamma: Tensor
    theta: Tensor
    phi: Tensor
    xi: Tensor


class OampLayers(IterativeDetector):
    """Iterations of OAMP, each with its γ, θ, φ and ξ.

    v² = (‖y − H u‖² − N σ²) / tr HᵀH, mixed with that of the iteration before,
    r = u + γ W (y − H u),  τ² = v² (θ² c − 2θ + 1),  ŝ = E[s | s + N(0, τ²) = r],  u⁺ = φ (ŝ − ξ r)

    with W = c Hᵀ(H Hᵀ + σ²/v² I)⁻¹ of trace tr W H = K.

    Args:
        belief: gives σ too.
        iterations: number of layers.
        damping: share of the last iteration's v² in the next one's; 0 before the first. The
            published code has ½.
    """

    def __init__(
        self,
        belief: LinearMimo,
        *,
        iterations: Annotated[int, Ge(1)] = 4,
        damping: Annotated[float, Ge(0), Le(1)] = 0.5,
    ) -> None:
        super().__init__(belief)
        self.iterations: int = iterations
        self.damping = damping
        self.noise_variance = belief.noise_std**2

    def layers(self) -> list[Layer]:
        """Return the numbers of each iteration."""
        one = torch.ones((), dtype=self.levels.dtype, device=self.levels.device)
        return [Layer(one, one, one, 0 * one)] * self.iterations

    def refinements(self, received: Received) -> Iterator[Annotated[Tensor, "(n, K, T)"]]:
        """Yield u (n, K, T): before the first iteration, and after each."""
        H, y = received
        channel, energy = Spectrum.of(H), H.square().sum((1, 2))[:, None]
        u = y.new_zeros(len(y), self.n_streams, y.shape[2])
        v2 = torch.zeros_like(y[:, 0])
        yield u
        for layer in self.layers():
            residual = y - H @ u
            told = error_variance(residual, energy, self.noise_variance)
            v2 = ((1 - self.damping) * told + self.damping * v2).clamp_min(LEAST_VARIANCE)
            step, c = decorrelated_mmse(channel, residual, v2, self.noise_variance)
            r = u + layer.gamma * step
            tau2 = filtered_variance(v2, c, layer.theta)
            mean, _ = posterior_mean(r, tau2[:, None], self.levels)
            u = layer.phi * (mean - layer.xi * r)
            yield u
