"""The black box: a network from a window of what is received to a symbol."""

from __future__ import annotations

from typing import Annotated

import torch
from annotated_types import Ge
from torch import Tensor
from torch.nn import functional

from mbdl_repro.areas.receivers.learned.bank import Bank
from mbdl_repro.areas.receivers.systems.finite_memory import FiniteMemory
from mbdl_repro.contract.method import Family, Method
from mbdl_repro.contract.scenario import Split


class WindowNetwork(Method):
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

    def initialize(self, train: Split, rng: torch.Generator) -> None:
        """Draw the weights."""
        self.network.draw(rng)

    def logits(
        self, x: Annotated[Tensor, "(n, C, A, T + L − 1)"]
    ) -> Annotated[Tensor, "(n, C, T)"]:
        """Return the logits (n, C, T) of symbols to be 1."""
        windows = functional.pad(x, (self.reach, self.reach)).unfold(3, self.size, 1)
        n, _, _, T, _ = windows.shape
        rows = windows.permute(1, 0, 3, 2, 4).flatten(3).flatten(1, 2)  # (C, n T, A size)
        return self.network(rows).unflatten(1, (n, T))[..., 0].movedim(1, 0)

    def forward(
        self, x: Annotated[Tensor, "(n, C, A, T + L − 1)"]
    ) -> Annotated[Tensor, "(n, C, T)"]:
        """Return the means of the symbols (n, C, T)."""
        return torch.tanh(self.logits(x) / 2)

    def loss(
        self, x: Annotated[Tensor, "(n, C, A, T + L − 1)"], s: Annotated[Tensor, "(n, C, T)"]
    ) -> Tensor:
        """Return the cross-entropy of symbols, in nats, a mean over time, summed over channels.

        Σ_c mean over t of log(1 + exp(−s_t N_t))

        Args:
            x: observations (n, C, A, T + L − 1).
            s: symbols (n, C, T).
        """
        return functional.softplus(-s * self.logits(x)).mean((0, 2)).sum()
