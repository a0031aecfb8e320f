"""Maximum-likelihood sequence detection, by dynamic programming."""

from __future__ import annotations

from typing import Annotated

from annotated_types import Ge

from mbdl_repro.areas.receivers.systems.finite_memory import FiniteMemory
from mbdl_repro.areas.receivers.trellis.detector import KnownChannel
from mbdl_repro.areas.receivers.trellis.search import checked_lag
from mbdl_repro.contract.method import Family


class Viterbi(KnownChannel):
    """The Viterbi algorithm: the sequence of symbols of greatest likelihood, of a known channel.

    ŝ = argmax Σ_t log p(x_t | s_{t−L+1}, …, s_t)

    Args:
        belief: gives the taps, φ and σ, and errors of the taps, if it has some.
        decision_lag: at most L − 1. Each symbol is decided so many values later, out of the state
            that is best then; ``None``: the best sequence is traced back from its end.

    Maps x (n, C, A, T + L − 1) to decisions ±1 (n, C, T).

    Source: Viterbi, 1967; Forney, 1972. The published ViterbiNet decides with a lag of L − 1.
    """

    name = "viterbi"
    family = Family.MODEL_BASED

    def __init__(
        self, belief: FiniteMemory, *, decision_lag: Annotated[int, Ge(0)] | None = None
    ) -> None:
        super().__init__(belief)
        self.decision_lag = checked_lag(decision_lag, belief.n_taps)
