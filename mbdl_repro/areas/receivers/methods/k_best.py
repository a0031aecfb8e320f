"""A search in breadth for the vector of greatest likelihood, of which the k best go on."""

from __future__ import annotations

from typing import Annotated

from annotated_types import Ge
from torch import Tensor

from mbdl_repro.areas.receivers.linear.detector import LinearDetector, Received
from mbdl_repro.areas.receivers.linear.search import k_best
from mbdl_repro.areas.receivers.systems.linear_mimo import LinearMimo
from mbdl_repro.contract.method import Family


class KBest(LinearDetector):
    """K-best sphere decoding: near maximum likelihood, at a cost that is the same for all y.

    ŝ = argmin ‖Qᵀ y − R s‖², among vectors that are built from their last entry on

    Args:
        belief: has N ≥ K.
        width: how many beginnings go on to the next entry.

    Maps x (n, N, T), or (n, N, K + T) with H before what is received, to ŝ (n, K, T), amplitudes.

    Source: Guo and Nilsson, 2006; columns are sorted by their norms.
    """

    name = "k_best"
    family = Family.MODEL_BASED

    def __init__(self, belief: LinearMimo, *, width: Annotated[int, Ge(1)] = 64) -> None:
        super().__init__(belief)
        if self.n_observations < self.n_streams:
            raise ValueError(
                f"n_antennas is {belief.n_antennas}: k_best needs as many as n_users, "
                f"{belief.n_users}, or more"
            )
        self.width = width

    def detected(self, received: Received) -> Annotated[Tensor, "(n, K, T)"]:
        """Return the best vectors that are found (n, K, T)."""
        H, y = received
        return k_best(H.expand(len(y), *H.shape[1:]), y, self.levels, self.width)
