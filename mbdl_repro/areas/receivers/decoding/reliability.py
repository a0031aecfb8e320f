"""Decoding by ordered statistics: the code's words around its most reliable bits."""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor


def reduced_around(
    G: Annotated[Tensor, "(n, k, N)"],
) -> tuple[Annotated[Tensor, "(n, k, N)"], Annotated[Tensor, "(n, k)"]]:
    """Return generators whose first independent columns hold one 1 each, a row's own.

    Elimination modulo 2, of many generators side by side.

    Args:
        G: bits (n, k, N), as uint8, of rank k; each with its columns in an order of its own.

    Returns:
        Generators of the same words (n, k, N), and the column of each row's own bit (n, k).
    """
    n, k, N = G.shape
    G, own = G.clone(), torch.full((n, k), -1, device=G.device)
    word, rows = torch.arange(n, device=G.device), torch.arange(k, device=G.device)
    for j in range(N):
        waiting = G[:, :, j] * (own < 0)
        pivot, there = waiting.argmax(1), waiting.amax(1) > 0
        if not there.any():
            continue
        own[word[there], pivot[there]] = j
        others = G[:, :, j] * (rows != pivot[:, None]) * there[:, None]
        G ^= others[:, :, None] * G[word, pivot][:, None]
        if (own >= 0).all():
            break
    return G, own


def best_product(
    y: Annotated[Tensor, "(n, N)"], rows: Annotated[Tensor, "(n, r, N)"], order: int
) -> tuple[Annotated[Tensor, "(n,)"], Annotated[Tensor, "(n, N)"]]:
    """Return the product p of ``order`` of the rows, with repetitions, of largest Σ_v y_v p_v.

    Of two rows all sums are a product of matrices, which is what makes it fast.

    Args:
        y: (n, N).
        rows: ±1 (n, r, N).
        order: how many rows are multiplied, at most 3.

    Returns:
        The sum (n,), and p (n, N).
    """
    word = torch.arange(len(y), device=y.device)
    if order == 0:
        return y.sum(1), torch.ones_like(y)
    if order == 1:
        score, i = torch.einsum("nv,nrv->nr", y, rows).max(1)
        return score, rows[word, i]
    if order == 2:
        score, pair = ((rows * y[:, None]) @ rows.mT).flatten(1).max(1)
        r = rows.shape[1]
        return score, rows[word, pair // r] * rows[word, pair % r]
    best, found = best_product(y, rows, 0)
    for row in range(rows.shape[1]):
        score, product = best_product(y * rows[:, row], rows, order - 1)
        is_better = score > best
        best = torch.where(is_better, score, best)
        found = torch.where(is_better[:, None], product * rows[:, row], found)
    return best, found


def ordered_statistics(
    x: Annotated[Tensor, "(n, N)"], G: Annotated[Tensor, "(k, N)"], order: int
) -> Annotated[Tensor, "(n, N)"]:
    """Return the word of largest Σ_v x_v s_v among those near the k most reliable bits.

    k bits that are independent, as reliable as may be by |x_v|, make a word; so they do with up
    to ``order`` of them flipped. All of these words are tried. With order k it is maximum
    likelihood.

    Args:
        x: values received (n, N).
        G: generator of the code (k, N), as uint8.
        order: at most 3.

    Returns:
        s = ±1 (n, N).

    Source: Fossorier and Lin, 1995.
    """
    by_reliability = x.abs().argsort(1, descending=True)
    x = x.gather(1, by_reliability)
    A, own = reduced_around(G[:, by_reliability].movedim(1, 0))
    rows = 1 - 2 * A.to(x)
    # The word that the most reliable bits make: the product of the rows whose own bit is a 1.
    message = (x.gather(1, own) < 0).to(x)
    word = 1 - 2 * ((message[:, None] @ A.to(x))[:, 0] % 2)
    # A row of the zero word stands for one flip less.
    rows = torch.cat((torch.ones_like(rows[:, :1]), rows), 1)
    _, flips = best_product(x * word, rows, order)
    return torch.empty_like(x).scatter(1, by_reliability, word * flips)
