"""The channel from pilots by least squares, then the Viterbi algorithm: the honest baseline."""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor, nn

from mbdl_repro.areas.receivers.systems.finite_memory import FiniteMemory
from mbdl_repro.areas.receivers.trellis.detector import TrellisDetector, gaussian_log_likelihood
from mbdl_repro.areas.receivers.trellis.search import viterbi
from mbdl_repro.areas.receivers.trellis.states import states_of, symbols_of_states
from mbdl_repro.contract.method import ClosedFormMethod, Family
from mbdl_repro.contract.scenario import Split


class LeastSquaresViterbi(TrellisDetector, ClosedFormMethod):
    """The Viterbi algorithm with taps that are fitted to pilots by least squares.

    ĥ = argmin Σ_t ‖x_t − Σ_l h_l s_{t−l}‖², of each channel by itself

    The noise's variance, which is the same for all states, has no part in the decisions.

    Args:
        belief: gives the taps that it starts from, and L, T, A; the output is taken for linear,
            and noise for Gaussian.

    Maps x (n, C, A, T + L − 1) to decisions ±1 (n, C, T).

    Source: textbook; Section 5.1, generative learning.
    """

    name = "least_squares_viterbi"
    family = Family.GENERATIVE_LEARNING
    parent = "viterbi"

    def __init__(self, belief: FiniteMemory) -> None:
        super().__init__(belief)
        self.taps = nn.Parameter(torch.as_tensor(belief.taps))
        self.register_buffer("symbols", symbols_of_states(belief.n_taps))
        self.symbols: Tensor

    def solve(self, train: Split) -> None:
        """Fit the taps to pilots: observations (n, C, A, T + L − 1), symbols (n, C, T)."""
        received = train.x.mean(2).movedim(1, 0).flatten(1)  # (C, n (T + L − 1))
        sent = self._sent(train.s).movedim(1, 0).flatten(1, 2)
        # So few unknowns that are so little alike lose nothing by the normal equations.
        moments = torch.einsum("ctl,ct->cl", sent, received)
        self.taps.copy_(torch.linalg.solve(sent.mT @ sent, moments))

    def _sent(self, s: Tensor) -> Tensor:
        """Return the last L symbols, newest first, of each value observed (n, C, T + L − 1, L)."""
        return self.symbols[states_of(s, self.n_taps)]

    def loss(
        self, x: Annotated[Tensor, "(n, C, A, T + L − 1)"], s: Annotated[Tensor, "(n, C, T)"]
    ) -> Tensor:
        """Return what the taps leave of the pilots: the mean square of x_t − Σ_l h_l s_{t−l}.

        Args:
            x: observations (n, C, A, T + L − 1).
            s: pilots (n, C, T).
        """
        mean = (self._sent(s) * self.taps[:, None]).sum(-1)
        return (x - mean[:, :, None]).square().mean()

    def log_likelihood(
        self, x: Annotated[Tensor, "(n, C, A, T + L − 1)"]
    ) -> Annotated[Tensor, "(n, C, T + L − 1, S)"]:
        """Return σ² log p(x_t | state) (n, C, T + L − 1, S) of x (n, C, A, T + L − 1)."""
        return gaussian_log_likelihood(x, (self.taps @ self.symbols.mT)[None, :, None])

    def decided(
        self, log_likelihood: Annotated[Tensor, "(n, T', S)"]
    ) -> Annotated[Tensor, "(n, T')"]:
        """Return the symbols (n, T') of the best sequence, of log p(x_t | state) (n, T', S)."""
        return viterbi(log_likelihood, self.n_taps)
