"""What clients and their server compute in a round, of softmax regression.

Examples are columns: the softmax over classes then runs along rows, which is several times as fast.
"""

from __future__ import annotations

from typing import Annotated, NamedTuple

import torch
from torch import Tensor


class Clients(NamedTuple):
    """The examples of the clients of each row; those of small clients are filled up with zeros."""

    features: Tensor  # (n, K, d + 1, m), the last of them 1
    labels: Tensor  # (n, K, C, m)
    counts: Tensor  # (K,): N_k, how many there are

    def of(self, some: list[int]) -> Clients:
        """Return the examples of these clients."""
        return Clients(self.features[:, some], self.labels[:, some], self.counts[some])


def softmax_gradient(
    W: Annotated[Tensor, "(n, K, C, d + 1)"], clients: Clients
) -> Annotated[Tensor, "(n, K, C, d + 1)"]:
    """Return the gradient of each client's mean cross entropy, (n, K, C, d + 1).

    (1/N_k) Σ_i (softmax(W v_i) − y_i) v_iᵀ

    Args:
        W: the model of each client (n, K, C, d + 1).
        clients: their examples.
    """
    features, labels, counts = clients
    away = torch.softmax(W @ features, -2) - labels
    return away @ features.mT / counts[:, None, None]


def local_models(
    W: Annotated[Tensor, "(n, C, d + 1)"],
    clients: Clients,
    steps: tuple[int, ...],
    size: Tensor | float,
) -> Annotated[Tensor, "(n, K, C, d + 1)"]:
    """Return the models of clients after gradient steps on their own examples, (n, K, C, d + 1).

    Args:
        W: the server's model (n, C, d + 1).
        clients: the examples.
        steps: τ_k, how many steps each client takes.
        size: μ of a step.
    """
    own, done = W[:, None].expand(-1, len(steps), -1, -1), 0
    for most in sorted(set(steps)):
        going = [k for k, own_steps in enumerate(steps) if own_steps >= most]
        now, some = own[:, going], clients.of(going)
        for _ in range(most - done):
            now = now - size * softmax_gradient(now, some)
        own = own.index_copy(1, torch.tensor(going, device=W.device), now)
        done = most
    return own


def received_weights(
    weights: Annotated[Tensor, "(K,)"], present: Annotated[Tensor, "(n, K)"] | None, stale: bool
) -> Annotated[Tensor, "(n, K)"] | Tensor:
    """Return with which weights the changes of clients count, (n, K) or (K,).

    Args:
        weights: of the clients, which add up to 1, (K,).
        present: 1 where a client's model has arrived, else 0, (n, K); ``None``: all have.
        stale: whether a client that is absent counts as if it had changed nothing. If not, the
            weights of those that are there are scaled up to a sum of 1.
    """
    if present is None:
        return weights
    there = weights * present
    if stale:
        return there
    total = there.sum(-1, keepdim=True)
    return there / torch.where(total > 0, total, 1.0)


def moved(
    W: Annotated[Tensor, "(n, C, d + 1)"],
    own: Annotated[Tensor, "(n, K, C, d + 1)"],
    weights: Annotated[Tensor, "(n, K)"] | Tensor,
) -> Annotated[Tensor, "(n, C, d + 1)"]:
    """Return the server's next model, W + Σ_k w_k (W_k − W).

    Args:
        W: its model (n, C, d + 1).
        own: those of the clients (n, K, C, d + 1).
        weights: w_k, (n, K) or (K,).
    """
    return W + ((own - W[:, None]) * weights[..., None, None]).sum(1)


def cross_entropy(
    W: Annotated[Tensor, "(n, C, d + 1)"],
    features: Annotated[Tensor, "(n, d + 1, q)"],
    labels: Annotated[Tensor, "(n, C, q)"],
) -> Tensor:
    """Return −log softmax(W v)_y, in nats, a mean over rows and their examples.

    Args:
        W: a model for each row (n, C, d + 1).
        features: v, (n, d + 1, q).
        labels: y, as 1 among zeros (n, C, q).
    """
    return -(labels * torch.log_softmax(W @ features, -2)).sum(-2).mean()
