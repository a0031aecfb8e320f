"""Dynamic systems to track: linear and Gaussian, the Lorenz attractor, and a sinusoidal toy."""

from __future__ import annotations

import dataclasses
from functools import cached_property
from typing import Annotated, Literal

import numpy as np
from annotated_types import Ge, Gt

from mbdl_repro.areas.tracking.state_space import (
    Array,
    StateSpace,
    covariance_root,
    like,
    namespace,
    rotation,
)

Matrix = tuple[tuple[float, ...], ...]
Matrices = tuple[Matrix, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class LinearStateSpace(StateSpace):
    """A linear system with Gaussian noise: s_t = F s_{t−1} + v_t, x_t = H s_t + w_t.

    Matrices are named, or written out, row by row; those that vary in time are written out T
    times, that of step t = 1 first.

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
        if not np.isfinite(matrix).all():
            raise ValueError(f"{name} has an entry that is infinite, or not a number")
        if matrix.shape not in (shape, (self.n_steps, *shape)):
            raise ValueError(
                f"{name} has shape {matrix.shape}: allowed are {shape}, or {self.n_steps} of them"
            )
        if "noise" in name:
            try:
                covariance_root(matrix)
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
        return _read_only(rotation(self.transition_rotation_rad, self.m) @ F)

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
        return _read_only(rotation(self.observation_rotation_rad, self.n) @ H)

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


def _read_only(matrix: np.ndarray) -> np.ndarray:
    matrix.setflags(write=False)
    return matrix


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


@dataclasses.dataclass(frozen=True, kw_only=True)
class Lorenz(StateSpace):
    """The Lorenz attractor in discrete time, ds/dτ = A(s) s, seen through noise.

    A(s) = [[−10, 10, 0], [28 − s₃, −1, 0], [s₂, 0, −8/3]]

    A step of Δτ is made of k smaller ones. Each is either f(s) = Σ_{j ≤ J} (A(s) Δτ/k)^j / j! s,
    whose A is held as it is at the beginning of the step, so that its error is of order Δτ/k
    whatever J is; or a step of the classical Runge–Kutta rule, of order (Δτ/k)⁴.

    Args:
        integrator: ``taylor`` or ``runge_kutta``.
        taylor_order: J; for ``taylor``.
        substeps: k. With many, and no process noise, it is the continuous-time orbit, of which
            every k-th point is kept.
        time_step_s: Δτ.
        observation: h: ``identity``, or ``spherical``, the distance from the origin, the angle
            from the third axis and the azimuth.
        observation_rotation_rad: angle about each axis by which the sensor is rotated.

    Source: Revach et al., 2022, section IV-D.
    """

    name = "lorenz"

    integrator: Literal["taylor", "runge_kutta"] | None = "taylor"
    taylor_order: Annotated[int, Ge(1)] = 5
    substeps: Annotated[int, Ge(1)] = 1
    time_step_s: Annotated[float, Gt(0)] = 0.02
    observation: Literal["identity", "spherical"] | None = "identity"
    observation_rotation_rad: float = 0.0

    @property
    def m(self) -> int:
        """Entries of the state."""
        return 3

    @property
    def n(self) -> int:
        """Entries of an observation."""
        return 3

    @property
    def mean_0(self) -> np.ndarray:
        """The mean of s_0, (1, 1, 1) unless ``initial_state`` says otherwise."""
        return np.ones(3) if self.initial_state is None else super().mean_0

    def check_truth(self) -> None:
        """Check that both noises are given, and how the state moves and is seen.

        Raises:
            ValueError: naming the field that is withheld, and what needs it.
        """
        super().check_truth()
        for _ in (self._is_taylor, self._seen):
            pass

    def f(self, s: Array, t: int = 1) -> Array:
        """Return where the state is a step later."""
        for _ in range(self.substeps):
            s = self._taylor(s) if self._is_taylor else self._runge_kutta(s)
        return s

    def f_jacobian(self, s: Array, t: int = 1) -> Array:
        """Return ∂f/∂s (..., 3, 3), by the chain rule through the small steps."""
        xp = namespace(s)
        total = like(np.eye(3), s) + s[..., None] * 0
        for _ in range(self.substeps):
            if self._is_taylor:
                step, J = self._taylor_with_jacobian(s)
            else:
                step, J = self._runge_kutta_with_jacobian(s)
            s, total = step, xp.matmul(J, total)
        return total

    def h(self, s: Array, t: int = 1) -> Array:
        """Return the state as it is seen: rotated, or its spherical coordinates, or both."""
        if self.observation_rotation_rad:
            s = s @ like(rotation(self.observation_rotation_rad, 3).T, s)
        if self._seen == "identity":
            return s
        xp = namespace(s)
        flat = xp.hypot(s[..., 0], s[..., 1])
        distance = xp.hypot(flat, s[..., 2])
        from_axis, azimuth = xp.arctan2(flat, s[..., 2]), xp.arctan2(s[..., 1], s[..., 0])
        return xp.stack((distance, from_axis, azimuth), -1)

    def h_jacobian(self, s: Array, t: int = 1) -> Array:
        """Return ∂h/∂s (..., 3, 3)."""
        R = like(rotation(self.observation_rotation_rad, 3), s)
        if self._seen == "identity":
            return s[..., None] * 0 + R
        xp = namespace(s)
        s = s @ R.T
        a, b, c = s[..., 0], s[..., 1], s[..., 2]
        flat = xp.hypot(a, b)
        distance = xp.hypot(flat, c)
        rows = (
            xp.stack((a, b, c), -1) / distance[..., None],
            xp.stack((a * c / flat, b * c / flat, -flat), -1) / distance[..., None] ** 2,
            xp.stack((-b, a, 0 * c), -1) / flat[..., None] ** 2,
        )
        return xp.matmul(xp.stack(rows, -2), R)

    def residual(self, x: Array, predicted: Array) -> Array:
        """Return x − predicted, spherical angles wrapped to [−π, π)."""
        difference = x - predicted
        if self._seen == "identity":
            return difference
        xp = namespace(difference)
        wrapped = (difference[..., 1:] + np.pi) % (2 * np.pi) - np.pi
        return xp.concatenate((difference[..., :1], wrapped), -1)

    @property
    def _is_taylor(self) -> bool:
        if self.integrator is None:
            raise ValueError("f is asked for, and integrator is withheld (null)")
        return self.integrator == "taylor"

    @property
    def _seen(self) -> str:
        if self.observation is None:
            raise ValueError("h is asked for, and observation is withheld (null)")
        return self.observation

    def _taylor(self, s: Array) -> Array:
        term = total = s
        moving = s @ like(_MOVING.T, s)
        for j in range(1, self.taylor_order + 1):
            term = (self._dt / j) * _product(moving, term)
            total = total + term
        return total

    def _taylor_with_jacobian(self, s: Array) -> tuple[Array, Array]:
        # term_j = (Δ/j) A(s) term_{j−1}, so ∂term_j = (Δ/j) (A(s) ∂term_{j−1} + ∂A(s)·term_{j−1}).
        xp = namespace(s)
        term = total = s
        A, moving = _matrix(s), s @ like(_MOVING.T, s)
        J_term = J = like(np.eye(3), s) + s[..., None] * 0
        for j in range(1, self.taylor_order + 1):
            scale = self._dt / j
            J_term = scale * (xp.matmul(A, J_term) + _matrix_derivative(term))
            term = scale * _product(moving, term)
            total, J = total + term, J + J_term
        return total, J

    def _runge_kutta(self, s: Array) -> Array:
        h = self._dt
        k1 = _drift(s)
        k2 = _drift(s + h / 2 * k1)
        k3 = _drift(s + h / 2 * k2)
        k4 = _drift(s + h * k3)
        return s + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)

    def _runge_kutta_with_jacobian(self, s: Array) -> tuple[Array, Array]:
        xp, h = namespace(s), self._dt
        eye = like(np.eye(3), s)
        k = J = None
        total, J_total = s, eye + s[..., None] * 0
        for weight, ahead in zip((1, 2, 2, 1), (0.0, h / 2, h / 2, h), strict=True):
            at = s if k is None else s + ahead * k
            slope = _matrix(at) + _matrix_derivative(at)
            J = slope if J is None else xp.matmul(slope, eye + ahead * J)
            k = _drift(at)
            total, J_total = total + h / 6 * weight * k, J_total + h / 6 * weight * J
        return total, J_total

    @property
    def _dt(self) -> float:
        return self.time_step_s / self.substeps


# A(s) = A_0 + (B s) e_1ᵀ: what depends on the state is the first column, and linear in it.
_FIXED = np.array([[-10.0, 10.0, 0.0], [28.0, -1.0, 0.0], [0.0, 0.0, -8 / 3]])
_MOVING = np.array([[0.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
_FIRST = np.array([1.0, 0.0, 0.0])


def _product(moving: Array, u: Array) -> Array:
    """Return A(s) u (..., 3), given B s."""
    return u @ like(_FIXED.T, u) + u[..., :1] * moving


def _drift(s: Array) -> Array:
    """Return A(s) s (..., 3)."""
    return _product(s @ like(_MOVING.T, s), s)


def _matrix(s: Array) -> Array:
    """Return A(s) (..., 3, 3)."""
    moving = s @ like(_MOVING.T, s)
    return like(_FIXED, s) + moving[..., None] * like(_FIRST, s)


def _matrix_derivative(u: Array) -> Array:
    """Return ∂(A(s) u)/∂s (..., 3, 3) with u held, which is u₁ B."""
    return u[..., :1, None] * like(_MOVING, u)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sinusoidal(StateSpace):
    """A state whose entries move and are seen one by one, by two smooth nonlinear functions.

    f(s) = α sin(β s + φ) + δ,    h(s) = a (b s + c)²

    Args:
        n_state: m, and n.
        amplitude: α.
        frequency: β.
        phase_rad: φ.
        offset: δ.
        gain: a.
        slope: b.
        shift: c.

    Source: Revach et al., 2022, section IV-C, with (0.9, 1.1, 0.1π, 0.01) and (1, 1, 0) in truth,
    and (1, 1, 0, 0) for a designer who knows less.
    """

    name = "sinusoidal"

    n_state: Annotated[int, Ge(1)] = 2
    amplitude: float | None = 0.9
    frequency: float = 1.1
    phase_rad: float = 0.1 * np.pi
    offset: float = 0.01
    gain: float = 1.0
    slope: float = 1.0
    shift: float = 0.0

    @property
    def m(self) -> int:
        """Entries of the state."""
        return self.n_state

    @property
    def n(self) -> int:
        """Entries of an observation."""
        return self.n_state

    @property
    def mean_0(self) -> np.ndarray:
        """The mean of s_0, 0.1 in each entry unless ``initial_state`` says otherwise."""
        return np.full(self.m, 0.1) if self.initial_state is None else super().mean_0

    def check_truth(self) -> None:
        """Check that both noises are given, and α.

        Raises:
            ValueError: naming the field that is withheld, and what needs it.
        """
        super().check_truth()
        for _ in (self._amplitude,):
            pass

    def f(self, s: Array, t: int = 1) -> Array:
        """Return α sin(β s + φ) + δ."""
        sine = namespace(s).sin(self.frequency * s + self.phase_rad)
        return self._amplitude * sine + self.offset

    def f_jacobian(self, s: Array, t: int = 1) -> Array:
        """Return diag α β cos(β s + φ)."""
        slope = namespace(s).cos(self.frequency * s + self.phase_rad)
        return self._amplitude * self.frequency * slope[..., None] * like(np.eye(self.m), s)

    def h(self, s: Array, t: int = 1) -> Array:
        """Return a (b s + c)²."""
        return self.gain * (self.slope * s + self.shift) ** 2

    def h_jacobian(self, s: Array, t: int = 1) -> Array:
        """Return diag 2 a b (b s + c)."""
        slope = 2 * self.gain * self.slope * (self.slope * s + self.shift)
        return slope[..., None] * like(np.eye(self.m), s)

    @property
    def _amplitude(self) -> float:
        if self.amplitude is None:
            raise ValueError("f is asked for, and amplitude is withheld (null)")
        return self.amplitude
