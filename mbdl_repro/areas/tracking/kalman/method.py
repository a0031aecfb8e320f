"""What methods share that answer with the moments of a posterior."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Annotated, Any, TypedDict

from annotated_types import Gt
from torch import Tensor

from mbdl_repro.areas.tracking.kalman.linear_filter import StoredModel, linear_model
from mbdl_repro.areas.tracking.systems.state_space import StateSpace
from mbdl_repro.contract.method import Method


class PosteriorMethod(Method, ABC):
    """A method that answers with the means of the states, and claims their variances.

    Maps x (n_rows, T, n), NaN where missing, to ŝ (n_rows, T, m).
    """

    @abstractmethod
    def moments(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return means and variances of the states, (n_rows, T, m) each, of x (n_rows, T, n)."""

    def forward(
        self, x: Annotated[Tensor, "(n_rows, T, m)"]
    ) -> Annotated[Tensor, "(n_rows, T, m)"]:
        """Return the estimates of the states (n_rows, T, m)."""
        return self.moments(x)[0]

    def claimed_variance(
        self, x: Annotated[Tensor, "(n_rows, T, n)"]
    ) -> Annotated[Tensor, "(n_rows, T, m)"]:
        """Return the variance (n_rows, T, m) that it claims for each entry of its answer."""
        return self.moments(x)[1]


class NoiseScales(TypedDict):
    """Factors on covariances."""

    process_noise_scale: float
    observation_noise_scale: float


class ScaledNoiseMethod(PosteriorMethod, ABC):
    """A method that scales the assumed noise covariances.

    Args:
        process_noise_scale: what V, a covariance, is multiplied by; larger than 1 where f, or F,
            is not quite right.
        observation_noise_scale: what W, a covariance, is multiplied by.
    """

    def __init__(
        self,
        *,
        process_noise_scale: Annotated[float, Gt(0)] = 1.0,
        observation_noise_scale: Annotated[float, Gt(0)] = 1.0,
    ) -> None:
        super().__init__()
        self.scales: NoiseScales = {
            "process_noise_scale": process_noise_scale,
            "observation_noise_scale": observation_noise_scale,
        }


class LinearMethod(ScaledNoiseMethod, ABC):
    """A method whose assumed model is linear and Gaussian.

    Args:
        belief: knows F, H, V, W and the law of the first state; each may vary in time.
    """

    def __init__(self, belief: StateSpace, **settings: Any) -> None:
        super().__init__(**settings)
        self.model = StoredModel(linear_model(belief, **self.scales))
