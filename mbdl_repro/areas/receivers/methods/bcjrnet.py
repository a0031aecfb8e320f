"""BCJRNet: the sum-product algorithm with a network in place of the channel's law."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from torch import Tensor

from mbdl_repro.areas.receivers.learned.learned_trellis import LearnedTrellis
from mbdl_repro.areas.receivers.systems.finite_memory import FiniteMemory
from mbdl_repro.areas.receivers.trellis.search import forward_backward, symbol_means
from mbdl_repro.contract.method import Family


class Bcjrnet(LearnedTrellis):
    """The sum-product algorithm on the channel's factor graph, whose factor p(x_t | z) is learned.

    ŝ_t = E_θ[s_t | x],  with log p_θ(z_t | x_t) of a classifier of states

    By ``max_product`` it decides the best sequence instead, and is ViterbiNet.

    With ``counts_source`` the other factor, p(s_t | s_{t−1}), is counted in training, as in the
    published code, and what the classifier holds of it is taken off.

    Args:
        belief: gives L, T, A and the number of channels; nothing else is read.
        counts_source: whether a symbol's ties to the one before it are counted, or it has none.
        rule: ``sum_product`` or ``max_product``. A fit depends on neither.
        settings: of the networks; see ``viterbinet``.

    Maps x (n, C, A, T + L − 1) to means in [−1, 1], or decisions ±1, (n, C, T).

    Source: Shlezinger, Farsad, Eldar and Goldsmith, 2022, "Learned factor graphs for inference
    from stationary time sequences"; Section 5.5.
    """

    name = "bcjrnet"
    family = Family.DNN_AIDED_INFERENCE
    not_fitted = ("counts_source", "rule")

    def __init__(
        self,
        belief: FiniteMemory,
        *,
        rule: Literal["sum_product", "max_product"] = "sum_product",
        **settings: Any,
    ) -> None:
        super().__init__(belief, **settings)
        self.rule = rule

    def decided(
        self, log_likelihood: Annotated[Tensor, "(n, T', S)"]
    ) -> Annotated[Tensor, "(n, T')"]:
        """Return the posterior means, or the best sequence (n, T').

        Args:
            log_likelihood: of each state (n, T', S).
        """
        if self.rule == "max_product":
            return super().decided(log_likelihood)
        return symbol_means(forward_backward(log_likelihood, self.n_taps), self.n_taps)
