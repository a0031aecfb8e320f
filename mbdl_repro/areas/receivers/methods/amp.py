"""Approximate message passing, for symbols."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import torch
from annotated_types import Ge
from torch import Tensor

from mbdl_repro.areas.receivers.linear.detector import IterativeDetector, Received
from mbdl_repro.areas.receivers.linear.message_passing import amp_step
from mbdl_repro.areas.receivers.systems.linear_mimo import LinearMimo
from mbdl_repro.contract.method import Family


class Amp(IterativeDetector):
    """Approximate message passing with the posterior mean of each amplitude.

    τ² = σ² + (K/N) v,  ŝ⁺ = E[s | s + N(0, τ²) = ŝ + Hᵀ r],  v⁺ its mean variance,
    r⁺ = y − H ŝ⁺ + (K/N) (v⁺/τ²) r

    In large systems with independent entries of H its error follows the state evolution.

    Args:
        belief: gives σ too; columns of H have mean energy 1.
        iterations: number of steps.

    Maps x (n, N, T), or (n, N, K + T) with H before what is received, to ŝ (n, K, T), means.

    Source: Jeon, Ghods, Maleki and Studer, 2015, "LAMA".
    """

    name = "amp"
    family = Family.MODEL_BASED

    def __init__(self, belief: LinearMimo, *, iterations: Annotated[int, Ge(0)] = 10) -> None:
        super().__init__(belief)
        self.iterations: int = iterations
        self.noise_variance, self.energy = belief.noise_std**2, belief.energy

    def refinements(self, received: Received) -> Iterator[Annotated[Tensor, "(n, K, T)"]]:
        """Yield estimates (n, K, T): before the first iteration, and after each."""
        H, y = received
        state = (
            y.new_zeros(len(y), self.n_streams, y.shape[2]),
            y,
            torch.full_like(y[:, :1], self.energy),
        )
        yield state[0]
        for _ in range(self.iterations):
            state = amp_step(H, y, *state, self.noise_variance, self.levels)
            yield state[0]
