"""Block-Jacobi steps towards the most probable trajectory, unfolded: their sizes are learned."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from mbdl_repro.areas.tracking.kalman.map_steps import MapSteps
from mbdl_repro.areas.tracking.systems.state_space import StateSpace
from mbdl_repro.contract.method import Family


class UnfoldedSmoother(MapSteps):
    """K steps towards the smoother's estimate, whose K sizes minimize the error on training data.

    s ← s + μ_k D⁻¹(b − Q s),  from s = H⁺ x

    Learned are the logarithms of μ_k. What such steps reach is a polynomial in D⁻¹Q, the best of
    which is a least-squares fit: where the belief is wrong, no sizes mend it.

    Maps x (n_rows, T, n), NaN where missing, to ŝ (n_rows, T, m).

    Source: Section 5.3, learned hyperparameters; the application is ours.
    """

    name = "unfolded_smoother"
    family = Family.UNFOLDED_HYPERPARAMETERS
    parent = "block_jacobi_smoother"

    def __init__(self, belief: StateSpace, **settings: Any) -> None:
        super().__init__(belief, **settings)
        self.log_step = nn.Parameter(self.first_steps.log())

    def step_sizes_now(self) -> Tensor:
        """Return the learned steps (K,)."""
        return self.log_step.exp()
