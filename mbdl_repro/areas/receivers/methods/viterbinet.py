"""ViterbiNet: the Viterbi algorithm with a network in place of the channel's law."""

from __future__ import annotations

from typing import Annotated, Any

from annotated_types import Ge

from mbdl_repro.areas.receivers.learned.learned_trellis import LearnedTrellis
from mbdl_repro.areas.receivers.systems.finite_memory import FiniteMemory
from mbdl_repro.areas.receivers.trellis.search import checked_lag
from mbdl_repro.contract.method import Family


class Viterbinet(LearnedTrellis):
    """The Viterbi algorithm, in which a classifier of states stands for log p(x_t | z).

    ŝ = argmax Σ_t log p_θ(z_t | x_t),  z_t = (s_{t−L+1}, …, s_t)

    Args:
        decision_lag: as of ``viterbi``; the published code decides L − 1 values later. A fit
            does not depend on it.

    Maps x (n, C, A, T + L − 1) to decisions ±1 (n, C, T).

    Source: Shlezinger, Farsad, Eldar and Goldsmith, 2020, "ViterbiNet"; Section 5.5.
    """

    name = "viterbinet"
    family = Family.DNN_AIDED_INFERENCE
    not_fitted = ("decision_lag",)

    def __init__(
        self,
        belief: FiniteMemory,
        *,
        decision_lag: Annotated[int, Ge(0)] | None = None,
        **settings: Any,
    ) -> None:
        super().__init__(belief, **settings)
        self.decision_lag = checked_lag(decision_lag, belief.n_taps)
