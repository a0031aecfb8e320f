"""Gradient descent unfolded into a few layers, whose steps are learned."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from torch import Tensor, nn

from mbdl_repro.areas.linear_estimation.bases import GradientSteps
from mbdl_repro.areas.linear_estimation.scenario import LinearGaussian
from mbdl_repro.areas.linear_estimation.updates import descent_iterates
from mbdl_repro.contract.method import Family


class UnfoldedGradient(GradientSteps):
    """K steps of gradient descent, whose K sizes minimize the error on training pairs.

    s ← s + μ_k (Hᵀx/σ² − Q s),  Q = HᵀH/σ² + C_s⁻¹,  from s = 0

    Learned are the logarithms of μ_k. If what is believed is true, the best there are stand in
    closed form, as the reciprocal roots of a kernel polynomial: steps that are learned tend to
    those, and not to Chebyshev's.

    Maps x (n, n_observations) to ŝ (n, n_signal).

    Source: Section 5.3, learned hyperparameters; Takabe and Wadayama, 2020.
    """

    name = "unfolded_gradient"
    family = Family.UNFOLDED_HYPERPARAMETERS
    parent = "gradient_descent"

    def __init__(self, belief: LinearGaussian, **settings: Any) -> None:
        super().__init__(belief, **settings)
        self.log_step = nn.Parameter(self.first_steps.log())

    def iterates(
        self, x: Annotated[Tensor, "(n, n_observations)"]
    ) -> Iterator[Annotated[Tensor, "(n, n_signal)"]]:
        """Yield s_0 = 0, s_1, …, s_K (n, n_signal)."""
        return descent_iterates(self.pulled(x), self.Q, self.log_step.exp())
