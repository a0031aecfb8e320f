"""The Kalman filter with noise covariances learned from labelled trajectories."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from annotated_types import Gt
from torch import Tensor, nn

from mbdl_repro.areas.tracking.kalman.linear_filter import (
    StoredModel,
    gains_at_once,
    kalman_filter,
    kalman_rule,
    linear_model,
)
from mbdl_repro.areas.tracking.kalman.method import PosteriorMethod
from mbdl_repro.areas.tracking.kalman.model import LinearModel, LinearRule
from mbdl_repro.areas.tracking.systems.linear_state_space import LinearStateSpace
from mbdl_repro.areas.tracking.systems.state_space import StateSpace
from mbdl_repro.contract.method import Family

LEAST_ROOT = 1e-7
"""Of the correlations' root, the least eigenvalue it starts with, as a share of the largest."""


class LearnedKalmanFilter(PosteriorMethod):
    """A Kalman filter whose V, or W, or both, minimize its squared error on training data.

    V = A Aᵀ,    W = B Bᵀ,    B lower triangular, its diagonal learned as logarithms

    Each entry is learned in its own unit, the standard deviation where it starts. A has a
    factor that is learned as its logarithm, too: where F is wrong, V grows a lot.

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
            self.log_process_scale = nn.Parameter(torch.zeros_like(unit[0]))
        if learn != "process":
            unit, root = _unit_and_root("W", "observation", model.W)
            self.observation_unit: Tensor
            self.register_buffer("observation_unit", unit)
            factor = torch.linalg.qr(root.mT).R.mT  # Cholesky's of root rootᵀ, up to signs
            factor = factor * factor.diagonal().sign()
            self.observation_factor = nn.Parameter(factor.tril(-1) + factor.diagonal().log().diag())
        self.learn = learn

    @property
    def V(self) -> Tensor:
        """The covariance of the process noise (m, m), as it is learned or believed."""
        if self.learn == "observation":
            return self.model.V
        A = self.process_unit[:, None] * self.log_process_scale.exp() * self.process_root
        return A @ A.mT

    @property
    def W(self) -> Tensor:
        """The covariance of the observation noise (n, n), as it is learned or believed."""
        if self.learn == "process":
            return self.model.W
        raw = self.observation_factor
        B = self.observation_unit[:, None] * (raw.tril(-1) + raw.diagonal().exp().diag())
        return B @ B.mT

    def moments(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return means and variances of the states, given the observations up to each."""
        return kalman_filter(x, self._model(), gains_at_once).moments()

    def linear_rule(self, T: int) -> LinearRule[Tensor]:
        """Return what the filter does over T steps where nothing is missing."""
        return kalman_rule(self._model(), T, gains_at_once)

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
    """Return U, diagonal (k,), and A₀ of entries about 1, with U A₀ A₀ᵀ U = the covariance.

    A direction in which there is no noise would stay without, since its gradient is 0. So there
    is a little, which the covariance loses to rounding, and Adam, to which the size of gradients
    is nothing, makes it grow.

    Raises:
        ValueError: if it is zero, where all gradients are, or varies.
    """
    if covariance.ndim == 3:
        raise ValueError(f"{letter} varies, and one for all steps is learned")
    std = covariance.diagonal().sqrt()
    if not std.any():
        raise ValueError(
            f"{letter} is zero, and cannot be learned from there: set initial_{name}_variance"
        )
    unit = torch.where(std > 0, std, std.square().mean().sqrt())
    values, vectors = torch.linalg.eigh(covariance / unit[:, None] / unit)
    roots = values.clamp_min(0).sqrt()
    roots = roots.clamp_min(LEAST_ROOT * roots.max())
    return unit, vectors * roots @ vectors.mT
