"""The most probable trajectory by a fixed number of steps, all states at once."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from mbdl_repro.areas.tracking.kalman.map_steps import MapSteps
from mbdl_repro.areas.tracking.systems.state_space import StateSpace
from mbdl_repro.contract.method import Family


class BlockJacobiSmoother(MapSteps):
    """K block-Jacobi steps with given step sizes, from H⁺ x towards the smoother's estimate.

    s ← s + μ_k D⁻¹(b − Q s)

    Q is the matrix of all curvatures of the negative log joint density of the states and D its
    blocks on the diagonal, one a state. A step costs as much at each time, and all times may be
    worked on at once, which a Kalman smoother's cannot. Where the belief is wrong, few steps may
    be better than many.

    Maps x (n_rows, T, n), NaN where missing, to ŝ (n_rows, T, m).

    Source: textbook, block Jacobi with Chebyshev's steps; Section 3.3 for the objective.
    """

    name = "block_jacobi_smoother"
    family = Family.MODEL_BASED

    step_sizes: Tensor

    def __init__(self, belief: StateSpace, **settings: Any) -> None:
        super().__init__(belief, **settings)
        self.register_buffer("step_sizes", self.first_steps)

    def step_sizes_now(self) -> Tensor:
        """Return the steps (K,) that it was built with."""
        return self.step_sizes
