"""Block-Jacobi steps towards the most probable trajectory, unfolded: the objective is learned."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from mbdl_repro.areas.tracking.kalman.map_steps import LearnedMapSteps
from mbdl_repro.areas.tracking.kalman.model import LinearModel
from mbdl_repro.areas.tracking.systems.state_space import StateSpace
from mbdl_repro.contract.method import Family


class UnfoldedSmootherObjective(LearnedMapSteps):
    """K steps down an objective whose F, H, V and W are learned with the steps.

    s ← s + μ_k D⁻¹(b − Q s),  D and Q of F, H, V = A Aᵀ, W = B Bᵀ,  from s = H⁺ x

    All steps share the four, which start at what is believed; H⁺ stays that of the belief. A and B
    are lower triangular, their diagonals learned as logarithms. With few steps they are a means,
    and no estimates: what is learned of H need not be what is true of it.

    Args:
        belief: knows F, H, V, which must not be singular, W and the law of the first state;
            none varies in time.

    Maps x (n_rows, T, n), NaN where missing, to ŝ (n_rows, T, m).

    Source: Section 5.3, learned objective; the application is ours.
    """

    name = "unfolded_smoother_objective"
    family = Family.UNFOLDED_OBJECTIVE

    def __init__(self, belief: StateSpace, **settings: Any) -> None:
        super().__init__(belief, **settings)
        model = self.model()
        if model.varies:
            raise ValueError("a matrix of the model varies, and one for all steps is learned")
        self.transition = nn.Parameter(model.F.clone())
        self.observation = nn.Parameter(model.H.clone())
        self.process_factor = nn.Parameter(_factor_of(model.V))
        self.observation_factor = nn.Parameter(_factor_of(model.W))

    def model_now(self) -> LinearModel[Tensor]:
        """Return the model with what is learned of it."""
        m, n = self.transition.shape[-1], self.observation.shape[-2]
        return self.model()._replace(
            F=self.transition,
            H=self.observation,
            V=_covariance_of(self.process_factor, m),
            W=_covariance_of(self.observation_factor, n),
        )


def _factor_of(covariance: Tensor) -> Tensor:
    """Return what is learned of a covariance (k, k): k (k + 1)/2 numbers of its factor."""
    factor = torch.linalg.cholesky(covariance)
    factor = factor.tril(-1) + factor.diagonal().log().diag()
    i, j = torch.tril_indices(len(factor), len(factor))
    return factor[i, j]


def _covariance_of(entries: Tensor, k: int) -> Tensor:
    """Return the covariance (k, k) of these numbers, :func:`_factor_of` undone."""
    i, j = torch.tril_indices(k, k, device=entries.device)
    factor = entries.new_zeros(k, k).index_put((i, j), entries)
    factor = factor.tril(-1) + torch.diag_embed(factor.diagonal().exp())
    return factor @ factor.mT
