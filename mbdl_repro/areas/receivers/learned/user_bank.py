"""One iteration of DeepSIC: a network for each user, all of them computed as one."""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor, nn
from torch.nn import functional

from mbdl_repro.areas.receivers.learned.bank import Bank


class UserBank(nn.Module):
    """Classifiers of each user's amplitude, from what is received and what others may have sent.

    log p_k = log softmax N_k(y, {p_j: j ≠ k})

    Args:
        n_observations: N, real values received at a time.
        n_streams: K.
        levels: the amplitudes (M,), in rising order.
        hidden_widths: entries of the hidden layers: a sigmoid follows the first, ReLU the others.
    """

    def __init__(
        self,
        n_observations: int,
        n_streams: int,
        levels: Annotated[Tensor, "(M,)"],
        hidden_widths: tuple[int, ...],
    ) -> None:
        super().__init__()
        self.n_observations = n_observations
        M = len(levels)
        told = (n_streams - 1) * (M - 1)  # of M probabilities one is known from the others
        self.network = Bank(n_streams, (n_observations + told, *hidden_widths, M))
        everyone = torch.arange(n_streams)
        others = torch.stack([everyone[everyone != k] for k in range(n_streams)])
        self.register_buffer("others", others, persistent=False)
        self.others: Tensor
        self.register_buffer("levels", levels, persistent=False)
        self.levels: Tensor

    def initialize(self, train: object, rng: torch.Generator) -> None:
        """Draw the weights.

        Args:
            train: not used.
            rng: a generator of the CPU.
        """
        self.network.draw(rng)

    def inputs(
        self,
        y: Annotated[Tensor, "(n, N, T)"],
        log_p: Annotated[Tensor, "(n, K, T, M)"],
    ) -> Annotated[Tensor, "(n, N + K (M − 1), T)"]:
        """Return what an iteration goes by (n, N + K (M − 1), T).

        Args:
            y: received (n, N, T).
            log_p: of each amplitude, as the iteration before has it (n, K, T, M).
        """
        p = log_p[..., 1:].exp().movedim(3, 2).flatten(1, 2)  # (n, K (M − 1), T)
        return torch.cat([y, p], 1)

    def forward(
        self, inputs: Annotated[Tensor, "(n, N + K (M − 1), T)"]
    ) -> Annotated[Tensor, "(n, K, T, M)"]:
        """Return log p (n, K, T, M) of inputs (n, N + K (M − 1), T)."""
        n, _, T = inputs.shape
        rows = inputs.movedim(1, 2).flatten(0, 1)  # (n T, ·)
        y, p = rows.split((self.n_observations, rows.shape[1] - self.n_observations), 1)
        K = len(self.others)
        p = p.unflatten(1, (K, -1)).movedim(1, 0)  # (K, n T, M − 1)
        others = p[self.others].movedim(1, 2).flatten(2)  # (K, n T, (K − 1) (M − 1))
        seen = torch.cat([y.expand(K, *y.shape), others], 2)
        return self.network(seen).log_softmax(2).unflatten(1, (n, T)).movedim(0, 1)

    def loss(
        self, inputs: Annotated[Tensor, "(n, N + K (M − 1), T)"], s: Annotated[Tensor, "(n, K, T)"]
    ) -> Tensor:
        """Return the cross-entropy of amplitudes, in nats, a mean over time, summed over users.

        −Σ_k mean over t of log p_k(s_kt)

        Args:
            inputs: what the iteration goes by (n, N + K (M − 1), T).
            s: amplitudes that were sent (n, K, T).
        """
        return cross_entropy(self(inputs), s, self.levels)


def cross_entropy(
    log_p: Annotated[Tensor, "(n, K, T, M)"],
    s: Annotated[Tensor, "(n, K, T)"],
    levels: Annotated[Tensor, "(M,)"],
) -> Tensor:
    """Return −Σ_k mean of log p_k(s_k), in nats.

    Args:
        log_p: of each amplitude (n, K, T, M).
        s: amplitudes that were sent (n, K, T).
        levels: the amplitudes (M,).
    """
    sent = (s[..., None] - levels).abs().argmin(-1)
    return functional.nll_loss(log_p.flatten(0, 2), sent.flatten()) * s.shape[1]
