"""Detectors that learn how probable an observation is of each state, and keep the trellis."""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor
from torch.nn import functional

from mbdl_repro.areas.receivers.learned.bank import Bank
from mbdl_repro.areas.receivers.systems.finite_memory import FiniteMemory
from mbdl_repro.areas.receivers.trellis.detector import TrellisDetector
from mbdl_repro.areas.receivers.trellis.states import states_of
from mbdl_repro.contract.scenario import Split


class LearnedTrellis(TrellisDetector):
    """A detector whose log p(x_t | z) is that of a classifier of states, log p(z | x_t).

    They differ by log p(x_t), which is the same for all states, and by log p(z), which is the
    same for all sequences of symbols that are equally probable: neither changes any decision. So
    the published mixture model of p(x_t) is left out.

    Args:
        belief: gives L, T, A and the number of channels; nothing else is read.
        hidden_widths: entries of the hidden layers: a sigmoid follows the first, ReLU the others.
        shared: whether one network serves all channels, and not each its own.

    It is trained on the cross-entropy of states, each network on its channel's symbols.
    """

    def __init__(
        self,
        belief: FiniteMemory,
        *,
        hidden_widths: tuple[int, ...] = (100, 50),
        shared: bool = False,
    ) -> None:
        super().__init__(belief)
        widths = (belief.n_antennas, *hidden_widths, 2**belief.n_taps)
        self.shared = shared
        self.network = Bank(1 if shared else belief.n_channels, widths)

    def initialize(self, train: Split, rng: torch.Generator) -> None:
        """Draw the weights."""
        self.network.draw(rng)

    def log_likelihood(
        self, x: Annotated[Tensor, "(n, C, A, T + L − 1)"]
    ) -> Annotated[Tensor, "(n, C, T + L − 1, S)"]:
        """Return log p(state | x_t) (n, C, T + L − 1, S) of x (n, C, A, T + L − 1)."""
        rows = self.looked_at(x).permute(1, 0, 3, 2)  # (C, n, T + L − 1, A)
        own = rows.reshape(1 if self.shared else len(rows), -1, rows.shape[3])
        return self.network(own).log_softmax(-1).reshape(*rows.shape[:3], -1).movedim(1, 0)

    def loss(
        self, x: Annotated[Tensor, "(n, C, A, T + L − 1)"], s: Annotated[Tensor, "(n, C, T)"]
    ) -> Tensor:
        """Return the cross-entropy of states, in nats, a mean over values, summed over channels.

        −Σ_c mean over t of log p(z_t | x_t)

        Args:
            x: observations (n, C, A, T + L − 1).
            s: symbols (n, C, T).
        """
        return self.mismatch_of(self.log_likelihood(x), s)

    def mismatch_of(
        self,
        seen: Annotated[Tensor, "(n, C, T + L − 1, S)"],
        s: Annotated[Tensor, "(n, C, T)"],
    ) -> Tensor:
        """Return −Σ_c mean over t of the log-probabilities of the states that symbols go through.

        Args:
            seen: log p(z | x_t) (n, C, T + L − 1, S).
            s: symbols (n, C, T).
        """
        states = states_of(s, self.n_taps)[..., : seen.shape[2]]
        return functional.nll_loss(seen.flatten(0, 2), states.flatten()) * seen.shape[1]
