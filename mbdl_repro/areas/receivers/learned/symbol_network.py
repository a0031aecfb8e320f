"""Networks that replace the whole of a detector: from what is received to each symbol."""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated

import torch
from torch import Tensor
from torch.nn import functional

from mbdl_repro.areas.receivers.learned.bank import Bank
from mbdl_repro.contract.method import Method
from mbdl_repro.contract.scenario import Split


class SymbolNetwork(Method):
    """A network N that says of each symbol how probable it is, and no more of the channel.

    p(s_t = 1 | x) = σ(N_t(x)),  ŝ_t = 2p − 1

    Maps x (n, C, A, T + L − 1) to means in [−1, 1] (n, C, T).
    """

    network: Bank

    @abstractmethod
    def features(
        self, x: Annotated[Tensor, "(n, C, A, T + L − 1)"]
    ) -> Annotated[Tensor, "(C, n, T, f)"]:
        """Return what the last layers see of each symbol (C, n, T, f)."""

    def initialize(self, train: Split, rng: torch.Generator) -> None:
        """Draw the weights."""
        self.network.draw(rng)

    def logits(
        self, x: Annotated[Tensor, "(n, C, A, T + L − 1)"]
    ) -> Annotated[Tensor, "(n, C, T)"]:
        """Return the logits (n, C, T) of symbols to be 1."""
        seen = self.features(x)
        n, T = seen.shape[1:3]
        return self.network(seen.flatten(1, 2)).unflatten(1, (n, T))[..., 0].movedim(1, 0)

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


def windows(
    x: Annotated[Tensor, "(n, C, A, T + L − 1)"], size: int, reach: int = 0
) -> Annotated[Tensor, "(C, n, T', A size)"]:
    """Return the values around each symbol (C, n, T', A size), with 0 beyond a frame.

    Args:
        x: observations (n, C, A, T + L − 1).
        size: values of a window.
        reach: how many values beyond the frame, to each side, windows go over.
    """
    seen = functional.pad(x, (reach, reach)).unfold(3, size, 1)
    return seen.permute(1, 0, 3, 2, 4).flatten(3)
