"""Symbol-by-symbol detection by messages along the trellis."""

from __future__ import annotations

from typing import Annotated

from torch import Tensor

from mbdl_repro.areas.receivers.trellis.detector import KnownChannel
from mbdl_repro.areas.receivers.trellis.search import forward_backward, symbol_means
from mbdl_repro.contract.method import Family


class Bcjr(KnownChannel):
    """The BCJR algorithm: the posterior mean of each symbol, of a known channel.

    ŝ_t = E[s_t | x], whose sign has the least probability of error of any decision

    Maps x (n, C, A, T + L − 1) to means in [−1, 1] (n, C, T).

    Source: Bahl, Cocke, Jelinek and Raviv, 1974; Section 5.5, as the sum-product algorithm on a
    factor graph.
    """

    name = "bcjr"
    family = Family.MODEL_BASED

    def decided(
        self, log_likelihood: Annotated[Tensor, "(n, T', S)"]
    ) -> Annotated[Tensor, "(n, T')"]:
        """Return the posterior means (n, T'), of log p(x_t | state) (n, T', S)."""
        return symbol_means(forward_backward(log_likelihood, self.n_taps), self.n_taps)
