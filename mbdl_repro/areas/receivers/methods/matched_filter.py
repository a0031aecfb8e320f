"""Each user by itself, as if there were no other."""

from __future__ import annotations

from typing import Annotated

from torch import Tensor

from mbdl_repro.areas.receivers.linear.detector import LinearDetector, Received
from mbdl_repro.areas.receivers.linear.filters import matched_filter
from mbdl_repro.contract.method import Family


class MatchedFilter(LinearDetector):
    """The filter that is matched to a user's channel; interference is taken for nothing.

    ŝ_k = h_kᵀ y / ‖h_k‖²

    Maps x (n, N, T), or (n, N, K + T) with H before what is received, to ŝ (n, K, T).

    Source: textbook.
    """

    name = "matched_filter"
    family = Family.MODEL_BASED

    def detected(self, received: Received) -> Annotated[Tensor, "(n, K, T)"]:
        """Return what the filters see (n, K, T)."""
        return matched_filter(*received)
