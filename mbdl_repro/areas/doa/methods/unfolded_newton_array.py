"""Gauss–Newton steps up a likelihood whose array is learned, unfolded."""

from __future__ import annotations

from typing import Annotated, Any

import torch
from torch import Tensor, nn

from mbdl_repro.areas.doa.array import SensorArray
from mbdl_repro.areas.doa.learned.fitted_sensors import FittedSensors
from mbdl_repro.areas.doa.learned.unfolded_newton_method import UnfoldedNewtonMethod
from mbdl_repro.areas.doa.signal.likelihood import Derivatives, Sensors, gauss_newton, share
from mbdl_repro.contract.method import Family


class UnfoldedNewtonArray(UnfoldedNewtonMethod):
    """K steps u ← u + μ_k (G(u) + λ_k ḡ I)⁻¹ ∇J(u) up a learned objective, from ESPRIT.

    J = tr(P R) + α bᴴ R b / bᴴb,  b = Σ_m a(u_m)

    u = sin θ, P is the projector on the steering vectors at u, −G the Hessian of J after Gauss and
    Newton (of its first term alone where α < 0), and ḡ its mean diagonal. Trained are μ_k and λ_k;
    the places and gains of all sensors but the first; and α, 0 at first, which says how much
    sources are taken to be equal: 2K + 3 (N − 1) + 1 numbers, of which the last 3 (N − 1) + 1 are
    the same in all steps.

    Maps x (n, N, T), complex, to angles (n, M) in rad, rising.

    Source: ours.
    """

    name = "unfolded_newton_array"
    family = Family.UNFOLDED_OBJECTIVE
    parent = "newton_likelihood"

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
        """Return J (n,), its gradient (n, M), and −G (n, M, M).

        Args:
            R: (n, N, N), Hermitian, of trace 1.
            u: sin θ (n, M).
        """
        sensors, weight = self.sensors, self.equal
        free = gauss_newton(R, u, sensors)
        shared = gauss_newton(R, u, sensors, "shared")
        return Derivatives(
            free.value + weight * shared.value,
            free.gradient + weight * shared.gradient,
            # Where α is negative, its part bends upwards.
            free.hessian + weight.clamp_min(0) * shared.hessian,
        )
