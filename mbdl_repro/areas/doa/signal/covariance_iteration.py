"""What methods share that come to angles of a uniform array step by step, from a covariance."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterator
from typing import Annotated

import torch
from annotated_types import Ge
from torch import Tensor

from mbdl_repro.areas.doa.array import SensorArray
from mbdl_repro.areas.doa.signal.covariance import heard
from mbdl_repro.areas.doa.signal.features import scaled_covariance
from mbdl_repro.contract.method import IterativeMethod


class CovarianceIteration(IterativeMethod):
    """K steps from the covariance of the snapshots, in any unit, to angles.

    A row of snapshots that are all zero, or not all finite, has no angles: NaN.

    Args:
        belief: gives M, N and the spacing of a uniform array.
        iterations: K, how many steps are made.
    """

    iterations: int

    def __init__(self, belief: SensorArray, *, iterations: Annotated[int, Ge(1)]) -> None:
        super().__init__()
        self.n_sensors = belief.n_sensors
        self.n_sources: int = belief.required("n_sources")
        self.spacing = belief.uniform_spacing(self.name)
        self.iterations = iterations

    def covariance(self, x: Annotated[Tensor, "(n, N, T)"]) -> Annotated[Tensor, "(n, N, N)"]:
        """Return R / (tr R / N) (n, N, N) of snapshots (n, N, T)."""
        return scaled_covariance(x, self.n_sensors)

    @abstractmethod
    def angles_by_step(
        self, R: Annotated[Tensor, "(n, N, N)"]
    ) -> Iterator[Annotated[Tensor, "(n, M)"]]:
        """Yield the angles (n, M) in rad, rising: those from which it starts, then of each step.

        Args:
            R: (n, N, N), as :meth:`covariance` gives it; zero in a row without an answer.
        """

    def iterates(self, x: Annotated[Tensor, "(n, N, T)"]) -> Iterator[Annotated[Tensor, "(n, M)"]]:
        """Yield the angles (n, M) in rad, rising, before the first step, then after each one.

        Args:
            x: snapshots (n, N, T), complex.
        """
        x, rows = heard(x)
        for theta in self.angles_by_step(self.covariance(x)):
            yield torch.where(rows[:, None], theta, math.nan)
