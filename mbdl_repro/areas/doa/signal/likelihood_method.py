"""What methods share that look for the angles of greatest likelihood."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Annotated

import torch
from annotated_types import Ge
from torch import Tensor

from mbdl_repro.areas.doa.array import SensorArray
from mbdl_repro.areas.doa.signal.covariance import heard
from mbdl_repro.areas.doa.signal.features import scaled_covariance
from mbdl_repro.areas.doa.signal.likelihood import Sensors, Waveforms
from mbdl_repro.areas.doa.signal.likelihood_search import LikelihoodSearch
from mbdl_repro.contract.method import Method


class LikelihoodMethod(Method):
    """A method that knows the sensors' positions, and searches for the most likely angles.

    A row of snapshots that are all zero, or not all finite, has no angles: NaN.

    Args:
        belief: knows M, and places and gains of the sensors.
        starts: number of searches; each begins with another peak of the beamformer aᴴ R a.
        sweeps: how often at most each angle is searched on the grid.
        iterations: most steps of Newton's method.
    """

    def __init__(
        self,
        belief: SensorArray,
        *,
        starts: Annotated[int, Ge(1)] = 4,
        sweeps: Annotated[int, Ge(0)] = 3,
        iterations: Annotated[int, Ge(0)] = 30,
    ) -> None:
        super().__init__()
        self.n_sensors = belief.n_sensors
        self.n_sources: int = belief.required("n_sources")
        self.starts, self.sweeps, self.iterations = starts, sweeps, iterations

    @property
    @abstractmethod
    def sensors(self) -> Sensors:
        """The sensors, as the method has them."""

    def search(self, waveforms: Waveforms = "free") -> LikelihoodSearch:
        """Return what searches the likeliest angles of covariances.

        Args:
            waveforms: ``free`` or ``shared``, as of the search.
        """
        return LikelihoodSearch(
            self.sensors, self.n_sources, waveforms, self.starts, self.sweeps, self.iterations
        )

    def forward(self, x: Annotated[Tensor, "(n, N, T)"]) -> Annotated[Tensor, "(n, M)"]:
        """Return θ̂ (n, M) in rad, rising, of x (n, N, T); NaN where x is all zero."""
        x, rows = heard(x)
        R = scaled_covariance(x, self.n_sensors) / self.n_sensors  # of trace 1
        theta = self.likeliest(R).arcsin().sort(-1).values
        return torch.where(rows[:, None], theta, math.nan)

    def likeliest(self, R: Annotated[Tensor, "(n, N, N)"]) -> Annotated[Tensor, "(n, M)"]:
        """Return the likeliest u = sin θ (n, M) in [−1, 1], in any order.

        Args:
            R: (n, N, N), Hermitian, of trace 1.
        """
        return self.search()(R)
