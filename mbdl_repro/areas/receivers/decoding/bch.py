"""Binary BCH codes: cyclic codes whose generator has chosen roots in a field of 2^m elements."""

from __future__ import annotations

from typing import Annotated

import numpy as np


def powers(primitive: int) -> list[int]:
    """Return α^0, α^1, …, α^(2^m − 2), each as a number whose bits are its coefficients.

    Args:
        primitive: the primitive polynomial of degree m that α is a root of, its bits as well.

    Raises:
        ValueError: if it is not primitive.
    """
    m = primitive.bit_length() - 1
    found, element = [], 1
    for _ in range(2**m - 1):
        found.append(element)
        element <<= 1
        if element >> m:
            element ^= primitive
    if len(set(found)) < 2**m - 1:
        raise ValueError(f"the polynomial {primitive:#b} is not primitive")
    return found


def conjugates(exponents: range, n: int) -> set[int]:
    """Return the exponents of all roots that a binary polynomial has with α^i, i of these.

    Args:
        exponents: i.
        n: 2^m − 1.
    """
    found: set[int] = set()
    for i in exponents:
        while i % n not in found:
            found.add(i % n)
            i *= 2
    return found


def generator_polynomial(primitive: int, t: int) -> Annotated[np.ndarray, "(N − k + 1,)"]:
    """Return g(x) = Π (x − α^i) over i = 1, …, 2t and their conjugates, least degree first.

    2t roots that follow each other make the least distance at least 2t + 1.

    Args:
        primitive: the primitive polynomial of α, its coefficients as bits.
        t: errors that can be corrected.

    Returns:
        Zeros and ones (N − k + 1,).

    Source: textbook; Bose and Ray-Chaudhuri, 1960.
    """
    alpha = powers(primitive)
    n, exponent = len(alpha), {element: i for i, element in enumerate(alpha)}
    g = [1]
    for root in conjugates(range(1, 2 * t + 1), n):
        moved = [alpha[(exponent[c] + root) % n] if c else 0 for c in g]
        g = [a ^ b for a, b in zip([0, *g], [*moved, 0], strict=True)]
    return np.array(g, dtype=np.uint8)


def cyclic_parity_check(
    g: Annotated[np.ndarray, "(N − k + 1,)"], n: int
) -> Annotated[np.ndarray, "(N − k, N)"]:
    """Return the parity check whose rows are shifts of h(x) = (x^N − 1) / g(x), reversed.

    Args:
        g: the generator polynomial, least degree first (N − k + 1,).
        n: N.

    Returns:
        Zeros and ones (N − k, N).

    Raises:
        ValueError: if g does not divide x^N − 1.
    """
    k = n + 1 - len(g)
    left = np.zeros(n + 1, dtype=np.uint8)
    left[[0, n]] = 1
    h = np.zeros(k + 1, dtype=np.uint8)
    for i in range(k, -1, -1):
        h[i] = left[i + len(g) - 1]
        left[i : i + len(g)] ^= h[i] * g
    if left.any():
        raise ValueError(f"the polynomial does not divide x^{n} − 1: it makes no cyclic code")
    H = np.zeros((n - k, n), dtype=np.uint8)
    for i in range(n - k):
        H[i, i : i + k + 1] = h[::-1]
    return H
