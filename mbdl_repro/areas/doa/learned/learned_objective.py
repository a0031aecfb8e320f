"""What methods share that learn the likelihood itself: its array, and that sources are equal."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

import torch
from torch import Tensor, nn

from mbdl_repro.areas.doa.array import SensorArray
from mbdl_repro.areas.doa.learned.fitted_sensors import FittedSensors
from mbdl_repro.areas.doa.signal.likelihood import (
    Derivatives,
    Sensors,
    derivatives,
    gauss_newton,
    share,
)
from mbdl_repro.contract.method import Method


class LearnedObjective(Method):
    """A method that climbs J(u) = tr(P R) + α bᴴ R b / bᴴb, with b = Σ_m a(u_m), in u = sin θ.

    Trained are places and gains of all sensors but the first, and α, 0 at first, which says how
    much sources are taken to be equal: 3 (N − 1) + 1 real numbers.

    Args:
        belief: knows M, and places and gains of the sensors.
    """

    exact: ClassVar[bool] = True
    """Whether the Hessian of J is given as it is, or after Gauss and Newton."""

    def __init__(self, belief: SensorArray, **settings: Any) -> None:
        super().__init__(belief, **settings)
        self.array = FittedSensors(belief)
        self.tenth = nn.Parameter(torch.zeros((), dtype=torch.float64))

    @property
    def sensors(self) -> Sensors:
        """The sensors as they are learned."""
        return self.array()

    @property
    def equal(self) -> Tensor:
        """α; what is trained is a tenth of it, as places are known to thousandths."""
        return 10 * self.tenth

    def likelihood(
        self, R: Annotated[Tensor, "(n, N, N)"], u: Annotated[Tensor, "(n, M)"]
    ) -> Annotated[Tensor, "(n,)"]:
        """Return J (n,).

        Args:
            R: (n, N, N), Hermitian, of trace 1.
            u: sin θ (n, M).
        """
        sensors = self.sensors
        return share(R, u, sensors) + self.equal * share(R, u, sensors, "shared")

    def objective(
        self, R: Annotated[Tensor, "(n, N, N)"], u: Annotated[Tensor, "(n, M)"]
    ) -> Derivatives:
        """Return J (n,), its gradient (n, M), and its Hessian (n, M, M).

        After Gauss and Newton this is negative semi-definite, and of its first term where α < 0.

        Args:
            R: (n, N, N), Hermitian, of trace 1.
            u: sin θ (n, M).
        """
        of = derivatives if self.exact else gauss_newton
        sensors, weight = self.sensors, self.equal
        free, shared = of(R, u, sensors), of(R, u, sensors, "shared")
        return Derivatives(
            free.value + weight * shared.value,
            free.gradient + weight * shared.gradient,
            free.hessian + (weight if self.exact else weight.clamp_min(0)) * shared.hessian,
        )
