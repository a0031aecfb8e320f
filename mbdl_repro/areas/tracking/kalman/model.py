"""A linear Gaussian model as its matrices, and a linear filter as its rule; no torch is loaded."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, NamedTuple

import numpy as np

from mbdl_repro.areas.tracking.systems.arrays import Array, namespace
from mbdl_repro.areas.tracking.systems.linear_state_space import LinearStateSpace
from mbdl_repro.areas.tracking.systems.state_space import StateSpace


class LinearModel(NamedTuple, Generic[Array]):
    """A linear Gaussian model; F, H, V and W may vary: one matrix a step, (T, ·, ·)."""

    F: Array  # (m, m)
    H: Array  # (n, m)
    V: Array  # (m, m)
    W: Array  # (n, n)
    mean_0: Array  # (m,)
    cov_0: Array  # (m, m)

    @property
    def varies(self) -> bool:
        """Whether one of its matrices does."""
        return any(matrix.ndim == 3 for matrix in self[:4])


class LinearRule(NamedTuple, Generic[Array]):
    """A linear filter, ŝ_t = F ŝ_{t−1} + K_t (x_t − H F ŝ_{t−1}); F and H may vary, (T, ·, ·)."""

    F: Array  # (m, m)
    H: Array  # (n, m)
    K: Array  # (T, m, n)
    mean_0: Array  # (m,), ŝ_0


def linear_arrays(truth: StateSpace, without: str = "") -> LinearModel[np.ndarray]:
    """Return the matrices of a linear system.

    Args:
        truth: the system, or what is believed of it.
        without: letters of those of F, H, V and W that are not read, and are 0 in the answer.

    Raises:
        ValueError: if it is of another kind, or withholds one of them.
    """
    if not isinstance(truth, LinearStateSpace):
        raise ValueError(
            f"the scenario is {type(truth).__name__}, which is not linear: "
            "use extended_kalman_filter, or another nonlinear filter"
        )
    m, n = truth.m, truth.n
    shapes = {"F": (m, m), "H": (n, m), "V": (m, m), "W": (n, n)}
    F, H, V, W = (
        np.zeros(shape) if name in without else getattr(truth, name)
        for name, shape in shapes.items()
    )
    return LinearModel(F, H, V, W, truth.mean_0.astype(float), truth.cov_0)


def steps(matrix: Array, T: int) -> Iterator[Array]:
    """Yield the matrix (k, l) of each of T steps.

    Args:
        matrix: (k, l), the same at all steps, or (≥ T, k, l), that of step t = 1 first.
        T: number of steps.

    Raises:
        ValueError: if it varies, and is given for fewer steps.
    """
    if matrix.ndim == 2:
        return iter([matrix] * T)
    if len(matrix) < T:
        raise ValueError(
            f"a matrix that varies is given for {len(matrix)} steps, and {T} are asked for"
        )
    return iter(list(matrix[:T]))


def stacked(model: LinearModel[Array], T: int) -> tuple[Array, Array, Array, Array]:
    """Return F, H, V and W of T steps, (T, ·, ·) each.

    Args:
        model: whose matrices may vary.
        T: number of steps.

    Raises:
        ValueError: if one varies, and is given for fewer steps.
    """
    xp = namespace(model.F)
    F, H, V, W = (xp.stack(list(steps(matrix, T))) for matrix in model[:4])
    return F, H, V, W
