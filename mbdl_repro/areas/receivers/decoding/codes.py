"""Linear block codes: by name, or by the rows of a parity check."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Literal, NamedTuple

import numpy as np

from mbdl_repro.areas.receivers.decoding.bch import cyclic_parity_check, generator_polynomial
from mbdl_repro.areas.receivers.decoding.binary import generator_matrix
from mbdl_repro.contract.seeding import rng_for

CodeName = Literal["hamming_7_4", "bch_15_7", "bch_63_45", "bch_63_36", "ldpc_96_48"]

BCH = {
    "hamming_7_4": (0b1011, 1),
    "bch_15_7": (0b10011, 2),
    "bch_63_45": (0b1000011, 3),
    "bch_63_36": (0b1000011, 5),
}
"""Primitive polynomial, of which 0b1000011 is x⁶ + x + 1, and errors that can be corrected."""


class Code(NamedTuple):
    """A linear code: words c of N bits with H c = 0 modulo 2, which are u G."""

    H: np.ndarray
    """Parity check (m, N)."""
    G: np.ndarray
    """Generator (k, N)."""

    @property
    def rate(self) -> float:
        """R = k / N."""
        return self.G.shape[0] / self.G.shape[1]


@cache
def linear_code(code: CodeName | tuple[tuple[int, ...], ...]) -> Code:
    """Return a code by its name, or by its parity check.

    Args:
        code: a name, or the rows of H: zeros and ones, all as long.

    Raises:
        ValueError: rows that are not those of a parity check; says what is wrong with them.
    """
    H = parity_check(code) if isinstance(code, str) else _checked(code)
    G = generator_matrix(H)
    if not len(G):
        raise ValueError(f"code: {len(H)} independent checks of {H.shape[1]} bits leave no message")
    for part in (H, G):
        part.setflags(write=False)
    return Code(H, G)


def random_words(code: Code, n: int, rng: np.random.Generator) -> Annotated[np.ndarray, "(n, N)"]:
    """Draw words, uniform among those that the code allows, as symbols s_v = 1 − 2 c_v.

    Args:
        code: whose words.
        n: how many.
        rng: what messages are drawn from.

    Returns:
        ±1 (n, N).
    """
    words = rng.integers(2, size=(n, len(code.G))) @ code.G.astype(np.int64) % 2
    symbols: np.ndarray = 1.0 - 2.0 * words
    return symbols


def parity_check(name: CodeName) -> Annotated[np.ndarray, "(m, N)"]:
    """Return the parity check (m, N) of a code that has a name."""
    if name == "ldpc_96_48":
        return progressive_edge_growth(96, 48, 3, rng_for("code", name))
    primitive, t = BCH[name]
    n = 2 ** (primitive.bit_length() - 1) - 1
    return cyclic_parity_check(generator_polynomial(primitive, t), n)


def _checked(rows: tuple[tuple[int, ...], ...]) -> np.ndarray:
    """Return a parity check of these rows."""
    if len({len(row) for row in rows}) > 1:
        raise ValueError("code: the rows of a parity check should be of the same length")
    H = np.array(rows)
    if not H.any(1).all():
        row = int(np.flatnonzero(~H.any(1))[0])
        raise ValueError(f"code[{row}]: a row of zeros checks nothing: leave it out")
    return H.astype(np.uint8)


def progressive_edge_growth(
    n: int, n_checks: int, degree: int, rng: np.random.Generator
) -> Annotated[np.ndarray, "(n_checks, n)"]:
    """Return a sparse parity check, edge by edge, each of which closes as long a cycle as may be.

    Each edge goes from its bit to one of the checks that lie furthest in the graph so far, of
    these to one of fewest edges.

    Args:
        n: bits.
        n_checks: checks.
        degree: edges of each bit.
        rng: chooses among checks that are alike.

    Returns:
        Zeros and ones (n_checks, n).

    Source: Hu, Eleftheriou and Arnold, 2005.
    """
    H = np.zeros((n_checks, n), dtype=np.uint8)
    for bit in range(n):
        for _ in range(degree):
            far = np.flatnonzero(_furthest_checks(H, bit))
            degrees = H[far].sum(1)
            H[rng.choice(far[degrees == degrees.min()]), bit] = 1
    return H


def _furthest_checks(H: np.ndarray, bit: int) -> np.ndarray:
    """Return which checks (m,) a bit does not reach, or reaches last."""
    reached: np.ndarray = H[:, bit] > 0
    if not reached.any():
        return ~reached
    while True:
        bits = H[reached].any(0)
        more = np.asarray(H[:, bits].any(1))
        if more.all() or (more == reached).all():
            return np.logical_not(reached)
        reached = more
