"""A linear plant with its cost, and a linear controller, as matrices; no torch is loaded."""

from __future__ import annotations

from typing import Generic, NamedTuple

import numpy as np

from mbdl_repro.areas.tracking.kalman.model import LinearModel
from mbdl_repro.areas.tracking.systems.arrays import Array
from mbdl_repro.areas.tracking.systems.controlled import Controlled
from mbdl_repro.areas.tracking.systems.state_space import StateSpace


class Plant(NamedTuple, Generic[Array]):
    """How a controlled state moves, is measured, and what it costs: sᵀ Q s + uᵀ R u a step.

    s_t = F s_{t−1} + B u_{t−1} + v_t,  x_t = H s_t + w_t,  |u_{t−1}| ≤ limit, entry by entry
    """

    F: Array  # (m, m)
    B: Array  # (m, p)
    H: Array  # (n, m)
    Q: Array  # (m, m)
    R: Array  # (p, p)
    limit: Array  # (1, p)


class LinearPolicy(NamedTuple, Generic[Array]):
    """A linear controller: a filter with gains K, and u_t = −L_t ŝ_t.

    ŝ_t = p_t + K_t (x_t − H p_t),  p_t = F ŝ_{t−1} + B u_{t−1}
    """

    F: Array  # (m, m), as it is believed, and so are B and H
    B: Array  # (m, p)
    H: Array  # (n, m)
    K: Array  # (T, m, n)
    L: Array  # (T − 1, p, m)
    mean_0: Array  # (m,), ŝ_0


def controlled(system: StateSpace) -> Controlled:
    """Return a system that has an input, and of which no measurement is missing.

    Args:
        system: the truth, or what is believed of it.

    Raises:
        ValueError: if it is of another kind, or measurements may be missing.
    """
    if not isinstance(system, Controlled):
        raise ValueError(
            f"the scenario is {type(system).__name__}, which has no input: "
            "allowed is kind: controlled"
        )
    if system.missing_probability:
        raise ValueError(
            f"missing_probability is {system.missing_probability:g}, and a controller here acts on "
            "whole measurements: allowed is 0"
        )
    return system


def plant_arrays(system: Controlled, without: str = "") -> Plant[np.ndarray]:
    """Return the matrices of a controlled system.

    Args:
        system: the truth, or what is believed of it.
        without: letters of those of F and B that are not read, and are 0 in the answer.

    Raises:
        ValueError: if it withholds one of them.
    """
    F = np.zeros((system.m, system.m)) if "F" in without else system.F
    B = np.zeros((system.m, len(system.R))) if "B" in without else system.B
    limit = np.full((1, len(system.R)), system.force_limit_n)
    return Plant(F, B, system.H, system.Q, system.R, limit)


def filter_arrays(system: Controlled) -> LinearModel[np.ndarray]:
    """Return the matrices of a controlled system that a Kalman filter asks for.

    Args:
        system: the truth, or what is believed of it.

    Raises:
        ValueError: if it withholds one of them.
    """
    return LinearModel(
        system.F, system.H, system.V, system.W, system.mean_0.astype(float), system.cov_0
    )
