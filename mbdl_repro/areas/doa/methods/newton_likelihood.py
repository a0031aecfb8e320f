"""Maximum likelihood by a few Gauss–Newton steps from what ESPRIT says."""

from __future__ import annotations

from typing import Annotated, Any

import torch
from annotated_types import Gt
from torch import Tensor

from mbdl_repro.areas.doa.array import SensorArray
from mbdl_repro.areas.doa.signal.likelihood import Sensors
from mbdl_repro.areas.doa.signal.newton_method import NewtonMethod
from mbdl_repro.contract.method import Family


class NewtonLikelihood(NewtonMethod):
    """K steps u ← u + μ (G(u) + λ ḡ I)⁻¹ ∇J(u) up the likelihood J = tr(P R), from ESPRIT.

    u = sin θ, P is the projector on the steering vectors at u, −G the Hessian of J after Gauss and
    Newton, and ḡ its mean diagonal. It starts from three angles that ESPRIT says, and keeps the
    likeliest. With enough steps it comes to the angles of maximum likelihood that searches, where
    one of these starts is in their reach.

    Args:
        step_size: μ.
        damping: λ.

    Maps x (n, N, T), complex, to angles (n, M) in rad, rising.

    Source: Viberg, Ottersten and Kailath, 1991; the starts are ours.
    """

    name = "newton_likelihood"
    family = Family.MODEL_BASED

    def __init__(
        self,
        belief: SensorArray,
        *,
        step_size: Annotated[float, Gt(0)] = 1.0,
        damping: Annotated[float, Gt(0)] = 0.01,
        **settings: Any,
    ) -> None:
        super().__init__(belief, **settings)
        self.positions: Tensor  # in wavelengths
        self.gains: Tensor
        self.register_buffer("positions", torch.tensor(belief.positions), persistent=False)
        self.register_buffer("gains", torch.tensor(belief.gains), persistent=False)
        self.step_size, self.damping = step_size, damping

    @property
    def sensors(self) -> Sensors:
        """The sensors as they are believed to be."""
        return Sensors(self.positions, self.gains)

    def step_sizes(self) -> Annotated[Tensor, "(K,)"]:
        """Return μ (K,), for each step."""
        return self.positions.new_full((self.iterations,), self.step_size)

    def dampings(self) -> Annotated[Tensor, "(K,)"]:
        """Return λ (K,), for each step."""
        return self.positions.new_full((self.iterations,), self.damping)
