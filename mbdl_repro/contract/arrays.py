"""Arrays that users give for what a scenario would otherwise draw or derive."""

from __future__ import annotations

import numpy as np

from mbdl_repro.contract.covariance import check_covariance

Matrix = tuple[tuple[float, ...], ...]
"""As scenarios keep them: they compare, and name random streams, by their numbers."""


def read_only(array: np.ndarray) -> np.ndarray:
    """Return an array that many share, guarded against changes."""
    array.setflags(write=False)
    return array


def given_matrix(name: str, rows: Matrix, shape: tuple[int, int]) -> np.ndarray:
    """Return a matrix, read-only.

    Args:
        name: of the field that it is given for.
        rows: of the matrix.
        shape: that it shall have.

    Raises:
        ValueError: its rows are others in number or length.
    """
    lengths = sorted({len(row) for row in rows})
    if len(rows) != shape[0] or lengths != [shape[1]]:
        length = " or ".join(map(str, lengths)) or "no"
        raise ValueError(
            f"{name} has {len(rows)} rows of {length} numbers: should be {shape[0]} rows of "
            f"{shape[1]}"
        )
    return read_only(np.array(rows, dtype=np.float64))


def given_covariance(name: str, rows: Matrix, size: int) -> np.ndarray:
    """Return a covariance matrix, read-only.

    Args:
        name: of the field that it is given for.
        rows: of the matrix.
        size: number of rows, and of columns.

    Raises:
        ValueError: of another size, or not symmetric, or with a negative eigenvalue, beyond
            rounding.
    """
    matrix = given_matrix(name, rows, (size, size))
    try:
        check_covariance(matrix)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
    return matrix
