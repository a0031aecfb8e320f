"""Detectors that learn how probable an observation is of each state, and keep the trellis."""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor
from torch.nn import functional

from mbdl_repro.areas.receivers.learned.bank import Bank
from mbdl_repro.areas.receivers.systems.finite_memory import FiniteMemory
from mbdl_repro.areas.receivers.trellis.detector import TrellisDetector
from mbdl_repro.areas.receivers.trellis.states import (
    state_log_probabilities,
    states_of,
    transition_log_probabilities,
)
from mbdl_repro.contract.scenario import Split


class LearnedTrellis(TrellisDetector):
    """A detector whose log p(x_t | z) is that of a classifier of states, log p(z | x_t).

    They differ by log p(x_t), which is the same for all states, so that the published mixture
    model of it is left out; and by log p(z), which is the same for all states of symbols that are
    independent and equally probable. Of a source with memory it is not: what the classifier says
    then holds the source L − 1 times, unless that is counted and taken off.

    Args:
        belief: gives L, T, A and the number of channels; nothing else is read.
        hidden_widths: entries of the hidden layers: a sigmoid follows the first, ReLU the others.
        shared: whether one network serves all channels, and not each its own.
        counts_source: whether the share of symbols that equal the one before them is counted in
            training, and not taken for ½. No network depends on it.

    It is trained on the cross-entropy of states, each network on its channel's symbols.
    """

    def __init__(
        self,
        belief: FiniteMemory,
        *,
        hidden_widths: tuple[int, ...] = (100, 50),
        shared: bool = False,
        counts_source: bool = False,
    ) -> None:
        super().__init__(belief)
        self.counts_source = counts_source
        self.register_buffer("counted_stays", torch.tensor(0.5, dtype=torch.float64))
        self.counted_stays: Tensor
        widths = (belief.n_antennas, *hidden_widths, 2**belief.n_taps)
        self.shared = shared
        self.network = Bank(1 if shared else belief.n_channels, widths)

    def initialize(self, train: Split, rng: torch.Generator) -> None:
        """Draw the weights, and count how often a symbol equals the one before it."""
        self.network.draw(rng)
        stays = (train.s[..., 1:] == train.s[..., :-1]).double()
        # One of each kind more: what was never seen is not impossible.
        self.counted_stays.fill_((stays.sum() + 1) / (stays.numel() + 2))

    def transitions(self) -> Annotated[Tensor, "(S,)"]:
        """Return log p(s_t | s_{t−1}) of each state (S,), as counted, or of symbols at random."""
        return transition_log_probabilities(self._stays(), self.n_taps)

    def _stays(self) -> Tensor | float:
        return self.counted_stays if self.counts_source else 0.5

    def log_likelihood(
        self, x: Annotated[Tensor, "(n, C, A, T + L − 1)"]
    ) -> Annotated[Tensor, "(n, C, T + L − 1, S)"]:
        """Return log p(x_t | state) − log p(x_t) (n, C, T + L − 1, S) of x (n, C, A, T + L − 1)."""
        seen = self.log_posterior(x)
        return seen - state_log_probabilities(self._stays(), self.n_taps).to(seen)

    def log_posterior(
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
        return self.mismatch_of(self.log_posterior(x), s)

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
