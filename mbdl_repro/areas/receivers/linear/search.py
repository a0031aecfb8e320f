"""Searches among all vectors of amplitudes, or the best of them."""

from __future__ import annotations

import itertools
from typing import Annotated

import torch
from torch import Tensor

MOST_VECTORS = 2**16
"""All of which are tried, at most."""


def all_vectors(levels: Annotated[Tensor, "(M,)"], n: int) -> Annotated[Tensor, "(M^n, n)"]:
    """Return every vector of n amplitudes (M^n, n).

    Args:
        levels: the amplitudes (M,).
        n: entries of a vector.

    Raises:
        ValueError: there are more than :data:`MOST_VECTORS`.
    """
    if len(levels) ** n > MOST_VECTORS:
        raise ValueError(
            f"all vectors of {n} amplitudes out of {len(levels)} are too many to be tried, "
            f"{MOST_VECTORS} are allowed: use k_best"
        )
    return torch.tensor(list(itertools.product(levels.tolist(), repeat=n)), dtype=levels.dtype)


def scores(
    H: Annotated[Tensor, "(n or 1, N, K)"],
    y: Annotated[Tensor, "(n, N, T)"],
    vectors: Annotated[Tensor, "(V, K)"],
) -> Annotated[Tensor, "(n, T, V)"]:
    """Return σ² log p(y | s) (n, T, V) of every vector, without what all have in common.

    yᵀ H s − ‖H s‖²/2

    Args:
        H: channels (n or 1, N, K).
        y: received (n, N, T).
        vectors: s (V, K).
    """
    sent = H @ vectors.mT  # (n, N, V)
    return y.mT @ sent - sent.square().sum(1, keepdim=True) / 2


def k_best(
    H: Annotated[Tensor, "(n, N, K)"],
    y: Annotated[Tensor, "(n, N, T)"],
    levels: Annotated[Tensor, "(M,)"],
    width: int,
) -> Annotated[Tensor, "(n, K, T)"]:
    """Return the best vectors (n, K, T) that a search in breadth finds, k of which go on.

    ‖Qᵀ y − R s‖² with H = Q R, from the last entry of s to the first. Columns are sorted, the
    strongest last, so that what is decided first is the most certain.

    Args:
        H: channels (n, N, K), N ≥ K.
        y: received (n, N, T).
        levels: the amplitudes (M,).
        width: k; with at least M^(K − 1) no vector is lost, and the best is found.
    """
    order = H.square().sum(1).argsort(1)  # (n, K)
    Q, R = torch.linalg.qr(H.take_along_dim(order[:, None], 2))
    target = (Q.mT @ y).mT  # (n, T, K)
    n, T, K = target.shape
    kept = target.new_zeros(n, T, 1, 0)  # of each survivor the entries so far, first one first
    cost = target.new_zeros(n, T, 1)
    for k in range(K - 1, -1, -1):
        cancelled = (kept @ R[:, None, k, k + 1 :, None])[..., 0]  # (n, T, survivors)
        error = (
            target[:, :, k, None, None]
            - cancelled[..., None]
            - R[:, None, None, k, k, None] * levels
        )
        grown = (cost[..., None] + error.square()).flatten(2)
        number = min(width, grown.shape[2])
        cost, chosen = grown.topk(number, 2, largest=False)
        parent, level = chosen // len(levels), levels[chosen % len(levels)]
        before = kept.take_along_dim(parent[..., None], 2)
        kept = torch.cat([level[..., None], before], 3)
    found = kept.take_along_dim(cost.argmin(2, keepdim=True)[..., None], 2)[:, :, 0].mT
    return torch.zeros_like(found).scatter(1, order[..., None].expand_as(found), found)
