"""Matrices of bits: elimination modulo 2, and the words that a parity check allows."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from mbdl_repro.contract.seeding import rng_for


def reduced(A: Annotated[np.ndarray, "(m, N)"]) -> tuple[np.ndarray, list[int]]:
    """Return the reduced row echelon form of a matrix of bits, and its pivot columns.

    Args:
        A: zeros and ones (m, N).

    Returns:
        The rows that are not 0 (rank, N), and the column of each row's leading one, which is 0 in
        all other rows.
    """
    A = A.astype(np.uint8) % 2
    pivots: list[int] = []
    for j in range(A.shape[1]):
        r = len(pivots)
        rows = r + np.flatnonzero(A[r:, j])
        if not rows.size:
            continue
        A[[r, rows[0]]] = A[[rows[0], r]]
        others = np.flatnonzero(A[:, j])
        A[others[others != r]] ^= A[r]
        pivots.append(j)
    return A[: len(pivots)], pivots


def generator_matrix(H: Annotated[np.ndarray, "(m, N)"]) -> Annotated[np.ndarray, "(k, N)"]:
    """Return a basis G (k, N) of the words c with H c = 0 modulo 2; k may be 0.

    Columns that hold no pivot of H carry the message as it is, the others the parity bits.

    Args:
        H: parity check, zeros and ones (m, N).
    """
    R, pivots = reduced(H)
    free = np.setdiff1d(np.arange(H.shape[1]), pivots)
    G = np.zeros((len(free), H.shape[1]), dtype=np.uint8)
    G[np.arange(len(free)), free] = 1
    G[:, pivots] = R[:, free].T
    return G


def lightest_words(
    G: Annotated[np.ndarray, "(k, N)"], orders: int = 40
) -> Annotated[np.ndarray, "(N,)"]:
    """Return for each bit the least weight that is found of words with a 1 there.

    They are sought among the rows, and sums of two rows, of the generators that are reduced around
    k other bits each time: light words have few ones among k bits at random.

    Args:
        G: generator (k, N); a bit that is 0 in all words is not allowed.
        orders: how many orders of the bits are tried.

    Returns:
        Weights (N,), none below the least distance.

    Source: after Lee and Brickell, 1988.
    """
    rng = rng_for("lightest words", G.shape)
    least = np.full(G.shape[1], G.shape[1] + 1)
    first, second = np.triu_indices(len(G))
    for _ in range(orders):
        order = rng.permutation(G.shape[1])
        rows = np.empty_like(G)
        rows[:, order] = reduced(G[:, order])[0]
        words = np.where((first == second)[:, None], rows[first], rows[first] ^ rows[second])
        weights = words.sum(1)
        best = np.where(words == 1, weights[:, None], G.shape[1] + 1).min(0)
        least = np.minimum(least, best)
    return least
