"""Arrays that users give for what a scenario would otherwise draw or derive."""

from __future__ import annotations

import numpy as np

Vector = tuple[float, ...]
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
    covariance_root(matrix, name)
    return matrix


def covariance_root(covariance: np.ndarray, name: str = "a covariance") -> np.ndarray:
    """Return L (..., k, k) with L Lᵀ = the covariance, which may be singular.

    Args:
        covariance: (..., k, k).
        name: what messages call it.

    Raises:
        ValueError: if it is not symmetric, or not positive semidefinite, beyond rounding.
    """
    if not np.allclose(covariance, np.swapaxes(covariance, -1, -2), rtol=1e-10, atol=0):
        raise ValueError(f"{name} is not symmetric")
    values, vectors = np.linalg.eigh(covariance)
    if (values < -1e-10 * np.abs(values).max(-1, keepdims=True, initial=0.0)).any():
        raise ValueError(
            f"{name} is not positive semidefinite: it has the eigenvalue {values.min():.4g}"
        )
    return vectors * np.sqrt(values.clip(0))[..., None, :]
