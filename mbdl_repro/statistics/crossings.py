"""Where one curve first goes above another, seed by seed."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def first_crossing(x: ArrayLike, differences: ArrayLike) -> NDArray[np.float64]:
    """Return where each column of differences first rises above zero: where a curve overtakes.

    Between two points it is interpolated, linearly in log x.

    Args:
        x: (k,), positive and rising.
        differences: of two curves at these points (k, n), one column a seed; its negative tells
            where the first curve falls below the other.

    Returns:
        (n,); the first x for a column that is above zero from there, and the last x for one
        that never is: ends of what is known, so compare them only with what lies between. NaN for
        a column that is not a number anywhere before it is above zero: nobody knows.

    Raises:
        ValueError: fewer than two points, or an x that is not positive.
    """
    x = np.asarray(x, dtype=np.float64)
    d = np.asarray(differences, dtype=np.float64)
    if len(x) < 2 or x.min() <= 0:
        raise ValueError(f"x = {x.tolist()}: allowed are two or more positive numbers")
    places = np.full(d.shape[1], x[-1])
    for j, column in enumerate(d.T):
        first = int(np.argmax(np.append(column > 0, True)))  # len(x) where it never is
        if np.isnan(column[:first]).any():
            places[j] = np.nan
        elif first == 0:
            places[j] = x[0]
        elif first < len(x):
            before, after = column[first - 1 : first + 1]
            share = before / (before - after)
            places[j] = x[first - 1] * (x[first] / x[first - 1]) ** share
    return places
