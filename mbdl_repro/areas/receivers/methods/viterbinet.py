"""ViterbiNet: the Viterbi algorithm with a network in place of the channel's law."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from torch import Tensor

from mbdl_repro.areas.receivers.learned.learned_trellis import LearnedTrellis
from mbdl_repro.areas.receivers.systems.finite_memory import FiniteMemory
from mbdl_repro.areas.receivers.trellis.search import forward_backward, symbol_means, viterbi
from mbdl_repro.contract.method import Family


class Viterbinet(LearnedTrellis):
    """The Viterbi algorithm, in which a classifier of states stands for log p(x_t | z).

    ŝ = argmax Σ_t log p_θ(z_t | x_t),  z_t = (s_{t−L+1}, …, s_t)

    Args:
        decoder: how it goes through the trellis: ``viterbi``; ``lagged``, in which each symbol is
            decided L − 1 values later, as the published code does; ``bcjr``, the posterior mean
            of each symbol. A fit does not depend on it.

    Maps x (n, C, A, T + L − 1) to ŝ (n, C, T): decisions ±1, or means in [−1, 1].

    Source: Shlezinger, Farsad, Eldar and Goldsmith, 2020, "ViterbiNet"; Section 5.5.
    """

    name = "viterbinet"
    family = Family.DNN_AIDED_INFERENCE
    not_fitted = ("decoder",)

    def __init__(
        self,
        belief: FiniteMemory,
        *,
        decoder: Literal["viterbi", "lagged", "bcjr"] = "viterbi",
        **settings: Any,
    ) -> None:
        super().__init__(belief, **settings)
        self.decoder = decoder

    def decided(
        self, log_likelihood: Annotated[Tensor, "(n, T', S)"]
    ) -> Annotated[Tensor, "(n, T')"]:
        """Return the symbols, or their means (n, T'), of log p(x_t | state) (n, T', S)."""
        if self.decoder == "bcjr":
            return symbol_means(forward_backward(log_likelihood, self.n_taps), self.n_taps)
        lag = self.n_taps - 1 if self.decoder == "lagged" else None
        return viterbi(log_likelihood, self.n_taps, lag)
