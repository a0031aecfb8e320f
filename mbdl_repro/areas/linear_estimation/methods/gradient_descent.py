"""Gradient descent towards the posterior mean, for a fixed number of steps."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from torch import Tensor

from mbdl_repro.areas.linear_estimation.bases import GradientSteps
from mbdl_repro.areas.linear_estimation.scenario import LinearGaussian
from mbdl_repro.areas.linear_estimation.updates import descent_iterates
from mbdl_repro.contract.method import Family


class GradientDescent(GradientSteps):
    """K steps of gradient descent on the assumed objective, with given step sizes.

    s ← s + μ_k (Hᵀx/σ² − Q s),  Q = HᵀH/σ² + C_s⁻¹,  from s = 0

    Chebyshev's steps are those of the worst case: of five or fewer, constant ones are better on
    average, and so is doing without the least eigenvalues, by ``condition``.

    Maps x (n, n_observations) to ŝ (n, n_signal).

    Source: Section 3.3, gradient descent; textbook for the steps.
    """

    name = "gradient_descent"
    family = Family.MODEL_BASED

    step_sizes: Tensor

    def __init__(self, belief: LinearGaussian, **settings: Any) -> None:
        super().__init__(belief, **settings)
        self.register_buffer("step_sizes", self.first_steps)

    def iterates(
        self, x: Annotated[Tensor, "(n, n_observations)"]
    ) -> Iterator[Annotated[Tensor, "(n, n_signal)"]]:
        """Yield s_0 = 0, s_1, …, s_K (n, n_signal)."""
        return descent_iterates(self.pulled(x), self.Q, self.step_sizes)
