"""How many of many decided claims may be decided by chance."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from numpy.typing import ArrayLike


def q_values(p: Annotated[ArrayLike, "(n,)"]) -> Annotated[np.ndarray, "(n,)"]:
    """Return the least share of false discoveries at which each test is one.

    q of the k-th smallest of m p-values is the least of m p / rank over ranks ≥ k: of the tests
    with q ≤ .05, one in twenty is expected to be decided by chance.

    Args:
        p: (n,); NaN where nothing is left to chance, which does not count.

    Returns:
        (n,), NaN where p is.

    References:
        Benjamini and Hochberg, J. R. Stat. Soc. B 57 (1995) 289-300.
    """
    p = np.asarray(p, dtype=np.float64)
    known = np.flatnonzero(~np.isnan(p))
    order = known[np.argsort(p[known], kind="stable")]
    scaled = p[order] * len(order) / np.arange(1, len(order) + 1)
    q = np.full(p.shape, np.nan)
    q[order] = np.minimum.accumulate(scaled[::-1])[::-1]
    return q
