"""Conjugate gradients, whose steps a network corrects for each signal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import torch
from annotated_types import Ge
from torch import Tensor

from mbdl_repro.areas.linear_estimation.bases import KnownObjective
from mbdl_repro.areas.linear_estimation.scenario import LinearGaussian
from mbdl_repro.areas.linear_estimation.updates import conjugate_gradient_iterates
from mbdl_repro.contract.method import Family
from mbdl_repro.contract.scenario import Split
from mbdl_repro.learning.layers import Perceptron


class StepNetwork(KnownObjective):
    """K conjugate-gradient steps, whose step size and memory a network scales, row by row.

    d ← r + e^(o₁) β d,  s ← s + e^(o₂) α d,  r ← r − e^(o₂) α Q d,  o = N(k/K, log ‖r‖/‖b‖, β)

    α is the best step along d and β = ‖r‖²/‖r_before‖², of r = b − Q s and b = Hᵀx/σ². Conjugate
    gradients, which it starts as, fall short of what K steps can do for the error: they go for
    the objective. A signal that is twice as large is estimated twice as large.

    Args:
        iterations: K, number of steps; at least two, as the first has no memory.
        hidden_size: entries of the network's hidden layer.

    Maps x (n, n_observations) to ŝ (n, n_signal).

    Source: Section 5.5, DNN-aided inference; Andrychowicz et al., 2016, learn whole updates.
    """

    name = "step_network"
    family = Family.DNN_AIDED_INFERENCE
    parent = "conjugate_gradient"

    def __init__(
        self,
        belief: LinearGaussian,
        *,
        iterations: Annotated[int, Ge(2)],
        hidden_size: Annotated[int, Ge(1)] = 16,
        **settings: Any,
    ) -> None:
        super().__init__(belief, iterations=iterations, **settings)
        self.network = Perceptron((3, hidden_size, 2), "tanh")

    @torch.no_grad()
    def initialize(self, train: Split, rng: torch.Generator) -> None:
        """Draw the weights of the hidden layer."""
        self.network.draw(rng, gain=1, last_gain=0)

    def iterates(
        self, x: Annotated[Tensor, "(n, n_observations)"]
    ) -> Iterator[Annotated[Tensor, "(n, n_signal)"]]:
        """Yield s_0 = 0, s_1, …, s_K (n, n_signal)."""

        def factors(k: int, b: Tensor, r: Tensor, beta: Tensor) -> tuple[Tensor, Tensor]:
            least = torch.finfo(r.dtype).tiny  # a row of zeros has no logarithm
            sizes = [v.square().sum(1, keepdim=True).clamp_min(least).log() for v in (r, b)]
            features = (torch.full_like(beta, k / self.iterations), sizes[0] - sizes[1], beta)
            of_beta, of_alpha = self.network(torch.cat(features, -1)).exp().split(1, -1)
            return of_beta, of_alpha

        return conjugate_gradient_iterates(self.pulled(x), self.Q, self.iterations, factors)
