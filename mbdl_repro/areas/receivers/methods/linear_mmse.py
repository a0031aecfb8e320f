"""The linear rule of least mean squared error."""

from __future__ import annotations

from typing import Annotated

from torch import Tensor

from mbdl_repro.areas.receivers.linear.detector import LinearDetector, Received
from mbdl_repro.areas.receivers.linear.filters import linear_mmse
from mbdl_repro.areas.receivers.systems.linear_mimo import LinearMimo
from mbdl_repro.contract.method import Family


class LinearMmse(LinearDetector):
    """The linear rule of least mean squared error, which weighs interference against noise.

    ŝ = (HᵀH + σ²/ε I)⁻¹ Hᵀ y,  ε the mean square of an amplitude

    Args:
        belief: gives σ too.

    Maps x (n, N, T), or (n, N, K + T) with H before what is received, to ŝ (n, K, T).

    Source: textbook.
    """

    name = "linear_mmse"
    family = Family.MODEL_BASED

    def __init__(self, belief: LinearMimo) -> None:
        super().__init__(belief)
        self.noise_ratio = belief.noise_std**2 / belief.energy

    def detected(self, received: Received) -> Annotated[Tensor, "(n, K, T)"]:
        """Return the estimates (n, K, T)."""
        return linear_mmse(*received, self.noise_ratio)
