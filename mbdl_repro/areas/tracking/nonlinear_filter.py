"""What the filters share that keep a mean and a covariance of each trajectory's state."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor

from mbdl_repro.areas.tracking.nonlinear import check_belief
from mbdl_repro.areas.tracking.state_space import StateSpace
from mbdl_repro.areas.tracking.updates import Filtered
from mbdl_repro.contract.method import Method


class NonlinearFilter(Method, ABC):
    """A filter that answers with its means, and claims its covariances.

    Args:
        belief: the assumed model, with f, h, V, W, and the mean and covariance of s_0.
        process_noise_scale: what V, a covariance, is multiplied by.
        observation_noise_scale: what W, a covariance, is multiplied by.
    """

    def __init__(
        self, belief: StateSpace, process_noise_scale: float, observation_noise_scale: float
    ) -> None:
        super().__init__()
        check_belief(belief)
        self.belief = belief
        self.process_noise_scale = process_noise_scale
        self.observation_noise_scale = observation_noise_scale

    @abstractmethod
    def filtered(self, x: Tensor) -> Filtered:
        """Return the means and covariances of the states of trajectories x (n, T, ·)."""

    def forward(self, x: Tensor) -> Tensor:
        """Return the estimates (n, T, m) of trajectories x (n, T, n_observations)."""
        return self.filtered(x).means

    def claimed_variance(self, x: Tensor) -> Tensor:
        """Return the diagonals (n, T, m) of P_t."""
        return self.filtered(x).covariances.diagonal(dim1=-2, dim2=-1)
