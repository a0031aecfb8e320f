"""The black box with memory: a recurrent network from all that is received to each symbol."""

from __future__ import annotations

from typing import Annotated

import torch
from annotated_types import Ge
from torch import Tensor

from mbdl_repro.areas.receivers.learned.bank import Bank
from mbdl_repro.areas.receivers.learned.lstm_bank import LstmBank
from mbdl_repro.areas.receivers.learned.symbol_network import SymbolNetwork, windows
from mbdl_repro.areas.receivers.systems.finite_memory import FiniteMemory
from mbdl_repro.contract.method import Family
from mbdl_repro.contract.scenario import Split


class LstmDetector(SymbolNetwork):
    """A bidirectional LSTM over the observations, and a linear map from its states to each symbol.

    z_t = (x_t, …, x_{t+L−1}),  h→_t from h→_{t−1} and z_t,  h←_t from h←_{t+1} and z_t,
    p(s_t = 1 | x) = σ(a · [h→_t, h←_t] + b),  ŝ_t = 2p − 1

    Like the Viterbi algorithm it goes along a frame with a state; what the state is, and how it
    goes on, is learned.

    Args:
        belief: gives L, T, A and the number of channels; nothing else is read.
        hidden_size: entries of the state, of each direction.

    Maps x (n, C, A, T + L − 1) to means in [−1, 1] (n, C, T).

    Source: Hochreiter and Schmidhuber, 1997; as what ViterbiNet is compared with, of two layers,
    Raviv, Park, Simeone, Eldar and Shlezinger, 2023.
    """

    name = "lstm_detector"
    family = Family.DEEP_LEARNING

    def __init__(self, belief: FiniteMemory, *, hidden_size: Annotated[int, Ge(1)] = 16) -> None:
        super().__init__()
        self.size = belief.n_taps
        n_in = belief.n_antennas * belief.n_taps
        self.memory = LstmBank(belief.n_channels, n_in, hidden_size)
        self.network = Bank(belief.n_channels, (2 * hidden_size, 1))

    def initialize(self, train: Split, rng: torch.Generator) -> None:
        """Draw the weights."""
        self.memory.draw(rng)
        super().initialize(train, rng)

    def features(
        self, x: Annotated[Tensor, "(n, C, A, T + L − 1)"]
    ) -> Annotated[Tensor, "(C, n, T, 2 k)"]:
        """Return the states of both directions at each symbol (C, n, T, 2 k)."""
        return self.memory(windows(x, self.size))
