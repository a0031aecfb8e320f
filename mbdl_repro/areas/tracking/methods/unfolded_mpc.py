"""Model predictive control by few unfolded steps: their sizes and momenta are learned."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Literal

import torch
from annotated_types import Ge, Gt
from torch import Tensor, nn

from mbdl_repro.areas.tracking.control.plans import settled
from mbdl_repro.areas.tracking.control.predictive import PredictiveController
from mbdl_repro.areas.tracking.systems.state_space import StateSpace
from mbdl_repro.contract.method import Family


class UnfoldedMpc(PredictiveController):
    """A Kalman filter, and K unfolded steps on the next inputs at each measurement.

    U_k = clip(V_{k−1} − μ_k (C_t V_{k−1} + D_t ŝ_t)),  V_k = U_k + β_k (U_k − U_{k−1})

    Learned are log μ_k and β_k, the same at all times of a loop, on the cost of its own loops in
    the believed plant. Unfitted it is MPC by equal steps.

    Args:
        belief: a controlled system: the plant, what disturbs it, and the limit.
        learned: μ_k is a number, ``step``, or a number for each input of the plan, ``diagonal``.
        step: each μ_k before training, in units of 1/L, L the largest curvature of a plan's cost.
        momentum: each β_k before training; ``None``: FISTA's, which grow.

    Maps measurements x (n_rows, T, n) of recorded experiments to ŝ (n_rows, T, m).

    Source: Section 5.3, learned hyperparameters; the application is ours.
    """

    name = "unfolded_mpc"
    family = Family.UNFOLDED_HYPERPARAMETERS
    parent = "mpc"

    def __init__(
        self,
        belief: StateSpace,
        *,
        learned: Literal["step", "diagonal"] = "step",
        step: Annotated[float, Gt(0)] = 1.0,
        momentum: Annotated[float, Ge(0)] | None = None,
        **settings: Any,
    ) -> None:
        super().__init__(belief, **settings)
        shape = (self.n_iterations, 1 if learned == "step" else self.limits.shape[-1])
        self.log_steps = nn.Parameter(torch.full(shape, step, dtype=torch.float64).log())
        betas = settled(momentum, self.n_iterations)
        self.betas = nn.Parameter(torch.tensor(betas, dtype=torch.float64))

    def steps(self) -> Iterable[Tensor]:
        """Return μ_1 … μ_K, (1,) or (N p,) each."""
        return self.log_steps.exp().unbind()

    def extrapolations(self) -> Iterable[Tensor]:
        """Return β_1 … β_{K−1}."""
        return self.betas.unbind()
