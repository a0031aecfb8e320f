"""Linear systems with Gaussian noise."""

from __future__ import annotations

import dataclasses
from functools import cached_property
from typing import Annotated, Literal

import numpy as np
from annotated_types import Ge, Gt

from mbdl_repro.areas.tracking.systems.arrays import Array, like
from mbdl_repro.areas.tracking.systems.rotation import rotation
from mbdl_repro.areas.tracking.systems.state_space import LARGEST, StateSpace
from mbdl_repro.contract.arrays import read_only
from mbdl_repro.contract.covariance import check_covariance

Matrix = tuple[tuple[float, ...], ...]
Matrices = tuple[Matrix, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class LinearStateSpace(StateSpace):
    """A linear system with Gaussian noise: s_t = F s_{t−1} + v_t, x_t = H s_t + w_t.

    Matrices are named or given: arrays, or rows written out, which are kept as nested tuples.
    Those that vary in time are given T times, that of step t = 1 first. Where V or W is known
    itself, it is ``process_noise``, or ``observation_noise``, and the standard deviation 1.

    Args:
        transition: F (m, m): ``constant_velocity``, a position and its velocity, [[1, Δt], [0, 1]];
            ``canonical``, the identity with a first row of ones; or the matrix.
        observation: H (n, m): ``identity``, the first n rows of the identity;
            ``reversed_canonical``, the reversed identity with a first row of ones; or the matrix.
        n_state: m.
        n_observations: n; ``None``: as many as the state has entries.
        time_step_s: Δt, in seconds.
        process_noise: V/q² (m, m): ``isotropic``, the identity; ``acceleration``, a random
            acceleration of the constant-velocity model, held over each step, g gᵀ with
            g = (Δt²/2, Δt), of rank one; or the matrix.
        observation_noise: W/r² (n, n): ``isotropic``, or the matrix.
        transition_rotation_rad: angle by which F is rotated: R F.
        observation_rotation_rad: angle by which H is rotated: R H.

    Source: Examples 3.5 and 5.2, constant velocity; Revach et al., 2022, canonical.
    """

    name = "linear_state_space"

    transition: Literal["constant_velocity", "canonical"] | Matrix | Matrices | None
    observation: Literal["identity", "reversed_canonical"] | Matrix | Matrices | None = "identity"
    n_state: Annotated[int, Ge(1)] = 2
    n_observations: Annotated[int, Ge(1)] | None = None
    time_step_s: Annotated[float, Gt(0)] = 1.0
    process_noise: Literal["isotropic", "acceleration"] | Matrix | Matrices = "isotropic"
    observation_noise: Literal["isotropic"] | Matrix | Matrices = "isotropic"
    transition_rotation_rad: float = 0.0
    observation_rotation_rad: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.start_seen or self.burn_in_steps:
            raise ValueError(
                "start_seen and burn_in_steps are for nonlinear systems: here, write out "
                "observation_noise for each step, that of the first one 0"
            )
        m, n = self.m, self.n
        for name, needed in (
            ("transition", "constant_velocity"),
            ("process_noise", "acceleration"),
        ):
            if getattr(self, name) == needed and m != 2:
                raise ValueError(f"{name} is {needed}, of 2 entries, and n_state is {m}")
        if n > m and isinstance(self.observation, str):
            raise ValueError(f"observation is {self.observation}, and n_observations is {n} > {m}")
        for name, shape in (
            ("transition", (m, m)),
            ("observation", (n, m)),
            ("process_noise", (m, m)),
            ("observation_noise", (n, n)),
        ):
            self._check(name, shape)
        rotation(self.transition_rotation_rad, m)
        rotation(self.observation_rotation_rad, n)

    def _check(self, name: str, shape: tuple[int, int]) -> None:
        given = getattr(self, name)
        if given is None or isinstance(given, str):
            return
        try:
            matrix = np.array(given, dtype=float)
        except ValueError:
            raise ValueError(f"{name} has rows of different lengths") from None
        if not (np.abs(matrix) <= LARGEST).all():
            raise ValueError(f"{name} has an entry that is infinite, or not a number")
        if matrix.shape not in (shape, (self.n_steps, *shape)):
            raise ValueError(
                f"{name} has shape {matrix.shape}: allowed are {shape}, for n_state {self.m} and "
                f"n_observations {self.n}, or {self.n_steps} of them"
            )
        if "noise" in name:
            try:
                check_covariance(matrix)
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from None

    @property
    def m(self) -> int:
        """Entries of the state."""
        return self.n_state

    @property
    def n(self) -> int:
        """Entries of an observation."""
        return self.n_state if self.n_observations is None else self.n_observations

    def check_truth(self) -> None:
        """Check that both noises are given, and F and H.

        Raises:
            ValueError: naming the field that is withheld, and what needs it.
        """
        super().check_truth()
        for _ in (self.F, self.H):
            pass

    @cached_property
    def F(self) -> np.ndarray:
        """The transition matrix, (m, m) or, if it varies, (T, m, m); read-only."""
        if self.transition is None:
            raise ValueError("F is asked for, and transition is withheld (null)")
        F: np.ndarray
        if self.transition == "constant_velocity":
            F = np.array([[1.0, self.time_step_s], [0.0, 1.0]])
        elif self.transition == "canonical":
            F = np.eye(self.m)
            F[0] = 1.0
        else:
            F = np.array(self.transition, dtype=float)
        return read_only(rotation(self.transition_rotation_rad, self.m) @ F)

    @cached_property
    def H(self) -> np.ndarray:
        """The observation matrix, (n, m) or, if it varies, (T, n, m); read-only."""
        if self.observation is None:
            raise ValueError("H is asked for, and observation is withheld (null)")
        H: np.ndarray
        if self.observation == "identity":
            H = np.eye(self.m)[: self.n]
        elif self.observation == "reversed_canonical":
            H = np.eye(self.m)[::-1].copy()[: self.n]
            H[0] = 1.0
        else:
            H = np.array(self.observation, dtype=float)
        return read_only(rotation(self.observation_rotation_rad, self.n) @ H)

    @property
    def V(self) -> np.ndarray:
        """The covariance of the process noise, (m, m) or, if it varies, (T, m, m)."""
        if self.process_noise == "acceleration":
            g = np.array([self.time_step_s**2 / 2, self.time_step_s])
            return self.q**2 * np.outer(g, g)
        return self.q**2 * _shape(self.process_noise, self.m)

    @property
    def W(self) -> np.ndarray:
        """The covariance of the observation noise, (n, n) or, if it varies, (T, n, n)."""
        return self.r**2 * _shape(self.observation_noise, self.n)

    def f(self, s: Array, t: int = 1) -> Array:
        """Return F_t s."""
        return s @ like(_at(self.F, t).T, s)

    def f_jacobian(self, s: Array, t: int = 1) -> Array:
        """Return F_t, for each state."""
        return s[..., None] * 0 + like(_at(self.F, t), s)

    def h(self, s: Array, t: int = 1) -> Array:
        """Return H_t s."""
        return s @ like(_at(self.H, t).T, s)

    def h_jacobian(self, s: Array, t: int = 1) -> Array:
        """Return H_t, for each state."""
        return s[..., :1, None] * 0 + like(_at(self.H, t), s)


def _shape(given: str | Matrix | Matrices, size: int) -> np.ndarray:
    return np.eye(size) if isinstance(given, str) else np.array(given, dtype=float)


def _at(matrix: np.ndarray, t: int) -> np.ndarray:
    """Return the matrix of time t = 1 … T."""
    if matrix.ndim == 2:
        return matrix
    if t > len(matrix):
        raise ValueError(
            f"a matrix that varies is given for {len(matrix)} steps, and step {t} is asked for"
        )
    return matrix[t - 1]
