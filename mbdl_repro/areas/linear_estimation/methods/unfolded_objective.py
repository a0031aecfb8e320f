"""Gradient descent unfolded into a few layers, whose objective is learned, too."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import torch
from torch import Tensor, nn

from mbdl_repro.areas.linear_estimation.bases import GradientSteps
from mbdl_repro.areas.linear_estimation.scenario import LinearGaussian
from mbdl_repro.areas.linear_estimation.spectrum import prior_precision
from mbdl_repro.areas.linear_estimation.updates import (
    descent_iterates,
    lower_triangle,
    triangular,
)
from mbdl_repro.contract.method import Family


class UnfoldedObjective(GradientSteps):
    """K steps of gradient descent on an objective whose H and C_s⁻¹ are learned with the steps.

    s ← s + μ_k (Hᵀx/σ² − (HᵀH/σ² + L Lᵀ) s),  from s = 0

    All steps share H and the lower triangular L, which start at what is believed. With few steps
    they are a means, and no estimates: what is learned makes the objective easier to descend.

    Maps x (n, n_observations) to ŝ (n, n_signal).

    Source: Section 5.3, learned objective.
    """

    name = "unfolded_objective"
    family = Family.UNFOLDED_OBJECTIVE
    parent = "gradient_descent"

    def __init__(self, belief: LinearGaussian, **settings: Any) -> None:
        super().__init__(belief, **settings)
        self.observation_matrix = nn.Parameter(self.H.clone())
        P = torch.tensor(prior_precision(belief))
        self.precision_root = nn.Parameter(lower_triangle(torch.linalg.cholesky(P)))
        self.log_step = nn.Parameter(self.first_steps.log())

    def iterates(
        self, x: Annotated[Tensor, "(n, n_observations)"]
    ) -> Iterator[Annotated[Tensor, "(n, n_signal)"]]:
        """Yield s_0 = 0, s_1, …, s_K (n, n_signal)."""
        H = self.observation_matrix
        L = triangular(self.precision_root, H.shape[-1])
        b = x @ H / self.noise_variance
        Q = H.mT @ H / self.noise_variance + L @ L.mT
        return descent_iterates(b, Q, self.log_step.exp())
