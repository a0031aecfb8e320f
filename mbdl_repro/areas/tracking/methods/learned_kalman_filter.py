"""The Kalman filter with noise covariances learned from labelled trajectories."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from annotated_types import Gt
from torch import Tensor, nn

from mbdl_repro.areas.tracking.riccati import (
    LinearModel,
    LinearRule,
    kalman_gain,
    predicted_covariance,
    steps,
    updated_covariance,
)
from mbdl_repro.areas.tracking.scenario import LinearStateSpace
from mbdl_repro.areas.tracking.state_space import StateSpace
from mbdl_repro.areas.tracking.updates import (
    StoredModel,
    kalman_filter,
    linear_model,
    variances,
)
from mbdl_repro.contract.method import Family, Method

LEAST_ROOT = 1e-7
"""Of a covariance's root, the least eigenvalue it starts with, as a share of the largest."""


class LearnedKalmanFilter(Method):
    """A Kalman filter whose V, or W, or both, minimize its squared error on training data.

    V = A Aᵀ,    W = B Bᵀ,    B lower triangular, its diagonal learned as logarithms

    A has a factor that is learned as its logarithm, too: where F is wrong, V grows a lot.

    The loss is the squared error of the whole state, through the gains K_t(V, W) of all steps.
    The gains, and so the loss, stay as they are when V, W and the covariance of s_0 grow by one
    factor: what is learned of both V and W is their ratio, and the variance that the filter
    claims has a meaning only where one of them is believed and true. A covariance that makes up
    for a wrong F or H is none of any noise.

    Args:
        belief: knows F, H, the law of the first state, and V and W: of those that are learned,
            where to start. A start may be singular, as in Example 5.2, but not zero.
        learn: ``process`` for V, ``observation`` for W, or ``both``.
        initial_process_variance: start V from this times the identity; ``None``: from the
            belief's.
        initial_observation_variance: the same of W.

    Maps x (n_rows, T, n), NaN where missing, to ŝ (n_rows, T, m).

    Source: Example 5.2, whose notebook learns the entries of V, unconstrained, from the error of
    the position.
    """

    name = "learned_kalman_filter"
    family = Family.LEARNED_OPTIMIZATION
    parent = "kalman_filter"

    def __init__(
        self,
        belief: StateSpace,
        *,
        learn: Literal["process", "observation", "both"] = "process",
        initial_process_variance: Annotated[float, Gt(0)] | None = None,
        initial_observation_variance: Annotated[float, Gt(0)] | None = None,
    ) -> None:
        super().__init__()
        if isinstance(belief, LinearStateSpace):
            belief = _started(belief, initial_process_variance, initial_observation_variance)
        model = linear_model(belief)
        self.model = StoredModel(model)
        if learn != "observation":
            unit, root = _unit_and_root("V", "process", model.V)
            self.process_unit: Tensor
            self.register_buffer("process_unit", unit)
            self.process_root = nn.Parameter(root)
            self.log_process_scale = nn.Parameter(torch.zeros_like(unit))
        if learn != "process":
            unit, root = _unit_and_root("W", "observation", model.W)
            self.observation_unit: Tensor
            self.register_buffer("observation_unit", unit)
            factor = torch.linalg.cholesky(root @ root.mT)
            self.observation_factor = nn.Parameter(factor.tril(-1) + factor.diagonal().log().diag())
        self.learn = learn

    @property
    def V(self) -> Tensor:
        """The covariance of the process noise (m, m), as it is learned or believed."""
        if self.learn == "observation":
            return self.model.V
        A = self.process_unit * self.log_process_scale.exp() * self.process_root
        return A @ A.mT

    @property
    def W(self) -> Tensor:
        """The covariance of the observation noise (n, n), as it is learned or believed."""
        if self.learn == "process":
            return self.model.W
        raw = self.observation_factor
        B = self.observation_unit * (raw.tril(-1) + raw.diagonal().exp().diag())
        return B @ B.mT

    def forward(self, x: Tensor) -> Tensor:
        """Return the estimates of the states."""
        return kalman_filter(x, self._model(), gains_at_once).means

    def linear_rule(self, T: int) -> LinearRule[Tensor]:
        """Return what the filter does over T steps where nothing is missing."""
        model = self._model()
        K, _ = gains_at_once(model, T)
        return LinearRule(model.F, model.H, K.detach(), model.mean_0)

    def claimed_variance(self, x: Tensor) -> Tensor:
        """Return the variance (n_rows, T, m) that it claims for each entry of its answer."""
        filtered = kalman_filter(x, self._model(), gains_at_once)
        return variances(filtered.covariances, len(x))

    def _model(self) -> LinearModel[Tensor]:
        return self.model()._replace(V=self.V, W=self.W)


def _started(
    belief: LinearStateSpace, process_variance: float | None, observation_variance: float | None
) -> LinearStateSpace:
    """Return the belief with the given variances where training starts."""
    if process_variance is not None:
        belief = belief.believed(
            process_noise="isotropic",
            process_noise_std=process_variance**0.5,
            noise_ratio_db=None,
        )
    if observation_variance is not None:
        belief = belief.believed(
            observation_noise="isotropic",
            noise_std=observation_variance**0.5,
        )
    return belief


def _unit_and_root(letter: str, name: str, covariance: Tensor) -> tuple[Tensor, Tensor]:
    """Return u and A₀, of entries about 1, with u² A₀ A₀ᵀ = the covariance.

    A direction in which there is no noise would stay without, since its gradient is 0. So there
    is a little, which the covariance loses to rounding, and Adam, to which the size of gradients
    is nothing, makes it grow.

    Raises:
        ValueError: if it is zero, where all gradients are, or varies.
    """
    if covariance.ndim == 3:
        raise ValueError(f"{letter} varies, and one for all steps is learned")
    unit = (covariance.trace() / len(covariance)).sqrt()
    if unit == 0:
        raise ValueError(
            f"{letter} is zero, and cannot be learned from there: set initial_{name}_variance"
        )
    values, vectors = torch.linalg.eigh(covariance)
    roots = values.clamp_min(0).sqrt()
    roots = roots.clamp_min(LEAST_ROOT * roots.max())
    return unit, vectors * roots @ vectors.mT / unit


def gains_at_once(model: LinearModel[Tensor], T: int) -> tuple[Tensor, Tensor]:
    """Return what ``kalman_gains`` does, in log₂ T rounds instead of T steps.

    What a stretch of steps makes of the covariance before it, P, is C + A P (I + J P)⁻¹ Aᵀ. Two
    stretches, i and then j, are one, with

    A = A_j (I + C_i J_j)⁻¹ A_i
    C = A_j (I + C_i J_j)⁻¹ C_i A_jᵀ + C_j
    J = A_iᵀ J_j (I + C_i J_j)⁻¹ A_i + J_i

    and in each round every stretch is joined to the one before it: all at once, in few large
    operations, through which gradients are cheap.

    Args:
        model: the filter's assumed model.
        T: number of steps.

    Returns:
        K_t, (T, m, n), and P_t after the update, (T, m, m).

    Source: Särkkä and García-Fernández, 2021.
    """
    F, H, V, W = (
        matrix.expand(T, *matrix.shape) if matrix.ndim == 2 else torch.stack([*steps(matrix, T)])
        for matrix in model[:4]
    )
    eye = torch.eye(F.shape[-1], dtype=F.dtype, device=F.device)
    # The first stretch begins with what is known of s_0, so that nothing before it matters.
    first = predicted_covariance(model.cov_0, F[:1], V[:1])
    added = torch.cat((first, V[1:]))
    K = kalman_gain(added, H, W)
    moves = torch.cat((0 * F[:1], F[1:]))
    seen = H @ moves
    A = moves - K @ seen
    C = updated_covariance(added, K, H, W)
    J = seen.mT @ torch.linalg.solve(H @ added @ H.mT + W, seen)
    d = 1
    while d < T:
        A_j, C_j, J_j = A[d:], C[d:], J[d:]
        A_i, C_i, J_i = A[:-d], C[:-d], J[:-d]
        Y, Z = torch.linalg.solve(eye + C_i @ J_j, torch.cat((A_i, C_i), -1)).chunk(2, -1)
        A = torch.cat((A[:d], A_j @ Y))
        C = torch.cat((C[:d], A_j @ Z @ A_j.mT + C_j))
        J = torch.cat((J[:d], A_i.mT @ J_j @ Y + J_i))
        d *= 2
    before = predicted_covariance(torch.cat((model.cov_0[None], C[:-1])), F, V)
    K = kalman_gain(before, H, W)
    return K, updated_covariance(before, K, H, W)
