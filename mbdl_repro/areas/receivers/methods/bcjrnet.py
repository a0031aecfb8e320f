"""BCJRNet: the sum-product algorithm with a network in place of the channel's law."""

from __future__ import annotations

from typing import Annotated

from torch import Tensor

from mbdl_repro.areas.receivers.learned.learned_trellis import LearnedTrellis
from mbdl_repro.areas.receivers.trellis.search import forward_backward, symbol_means
from mbdl_repro.contract.method import Family


class Bcjrnet(LearnedTrellis):
    """The sum-product algorithm on the channel's factor graph, whose factor p(x_t | z) is learned.

    ŝ_t = E_θ[s_t | x],  with log p_θ(z_t | x_t) of a classifier of states

    The published code counts in training how often one state follows another, too. Symbols are
    equally probable here, so that those shares are ½, and nothing is lost without them.

    Maps x (n, C, A, T + L − 1) to means in [−1, 1] (n, C, T).

    Source: Shlezinger, Farsad, Eldar and Goldsmith, 2022, "Learned factor graphs for inference
    from stationary time sequences"; Section 5.5.
    """

    name = "bcjrnet"
    family = Family.DNN_AIDED_INFERENCE

    def decided(
        self, log_likelihood: Annotated[Tensor, "(n, T', S)"]
    ) -> Annotated[Tensor, "(n, T')"]:
        """Return the posterior means (n, T'), of log p(x_t | state) (n, T', S)."""
        return symbol_means(forward_backward(log_likelihood, self.n_taps), self.n_taps)
