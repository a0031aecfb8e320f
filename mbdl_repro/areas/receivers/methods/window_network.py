"""The black box: a network from a window of what is received to a symbol."""

from __future__ import annotations

from typing import Annotated

from annotated_types import Ge
from torch import Tensor

from mbdl_repro.areas.receivers.learned.bank import Bank
from mbdl_repro.areas.receivers.learned.symbol_network import SymbolNetwork, windows
from mbdl_repro.areas.receivers.systems.finite_memory import FiniteMemory
from mbdl_repro.contract.method import Family


class WindowNetwork(SymbolNetwork):
    """A multilayer perceptron from the observations around a symbol to how probable it is.

    p(s_t = 1 | x) = σ(N(x_{t−r}, …, x_{t+L−1+r})),  ŝ_t = 2p − 1

    Args:
        belief: gives L, T, A and the number of channels; nothing else is read.
        reach: r, values beyond those that a symbol has a part in, to each side; 0 beyond a frame.
        hidden_widths: entries of the hidden layers: a sigmoid follows the first, ReLU the others.

    Maps x (n, C, A, T + L − 1) to means in [−1, 1] (n, C, T).

    Source: ours, after Section 4.
    """

    name = "window_network"
    family = Family.DEEP_LEARNING

    def __init__(
        self,
        belief: FiniteMemory,
        *,
        reach: Annotated[int, Ge(0)] = 4,
        hidden_widths: tuple[int, ...] = (100, 50),
    ) -> None:
        super().__init__()
        self.reach = reach
        self.size = belief.n_taps + 2 * reach
        widths = (belief.n_antennas * self.size, *hidden_widths, 1)
        self.network = Bank(belief.n_channels, widths)

    def features(
        self, x: Annotated[Tensor, "(n, C, A, T + L − 1)"]
    ) -> Annotated[Tensor, "(C, n, T, A (L + 2 r))"]:
        """Return the values around each symbol (C, n, T, A (L + 2 r))."""
        return windows(x, self.size, self.reach)
