"""The linear rule that leaves no interference."""

from __future__ import annotations

from typing import Annotated

from torch import Tensor

from mbdl_repro.areas.receivers.linear.detector import LinearDetector, Received
from mbdl_repro.areas.receivers.linear.filters import zero_forcing
from mbdl_repro.contract.method import Family


class ZeroForcing(LinearDetector):
    """Zero forcing: interference is removed, whatever becomes of the noise.

    ŝ = (HᵀH)⁻¹ Hᵀ y

    Maps x (n, N, T), or (n, N, K + T) with H before what is received, to ŝ (n, K, T).

    Source: textbook.
    """

    name = "zero_forcing"
    family = Family.MODEL_BASED

    def detected(self, received: Received) -> Annotated[Tensor, "(n, K, T)"]:
        """Return what is sent, but for the noise (n, K, T)."""
        return zero_forcing(*received)
