"""The Lorenz attractor."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from annotated_types import Ge, Gt

from mbdl_repro.areas.tracking.systems.arrays import Array, is_sure, like, namespace
from mbdl_repro.areas.tracking.systems.rotation import rotation
from mbdl_repro.areas.tracking.systems.state_space import StateSpace

if TYPE_CHECKING:
    from torch import Tensor


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
            from the third axis and the azimuth. On that axis the azimuth is 0, and where an
            angle has no derivative, 0 is taken for it.
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
        return _spherical(s)

    def h_jacobian(self, s: Array, t: int = 1) -> Array:
        """Return ∂h/∂s (..., 3, 3)."""
        R = like(rotation(self.observation_rotation_rad, 3), s)
        if self._seen == "identity":
            return s[..., None] * 0 + R
        return namespace(s).matmul(_spherical_jacobian(s @ R.T), R)

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
        if not isinstance(s, np.ndarray):
            return self._taylor_of_tensors(s, moving)
        for j in range(1, self.taylor_order + 1):
            term = (self._dt / j) * _product(moving, term)
            total = total + term
        return total

    def _taylor_of_tensors(self, s: Tensor, moving: Tensor) -> Tensor:
        """Return the same by Horner's rule, s + ΔA (s + (Δ/2) A (s + … (Δ/J) A s)): half the calls.

        A learned filter spends much of its time here, and rounding does not matter to it as it
        does to orbits that are simulated.
        """
        torch, F = namespace(s), like(_FIXED.T, s)
        total, rows = s, s.reshape(-1, 3)
        for j in range(self.taylor_order, 0, -1):
            scale = self._dt / j
            ahead = torch.addmm(rows, total.reshape(-1, 3), F, alpha=scale).view(s.shape)
            total = torch.addcmul(ahead, total[..., :1], moving, value=scale)
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


def _spherical(s: Array) -> Array:
    """Return distance, angle from the third axis and azimuth (..., 3) of points.

    Another point stands for one on the axis, where automatic differentiation would find 0/0.
    """
    xp = namespace(s)
    a, b, c = s[..., 0], s[..., 1], s[..., 2]
    is_axis = (a == 0) & (b == 0)
    is_origin = is_axis & (c == 0)
    where = _where(xp, is_axis)
    away, across = where(is_axis, 1.0, a), where(is_axis, 0.0, b)
    flat = where(is_axis, a, xp.hypot(away, across))
    up, aside = where(is_origin, 1.0, c), where(is_origin, 0.0, flat)
    distance = where(is_origin, c, xp.hypot(aside, up))
    return xp.stack((distance, xp.arctan2(aside, up), xp.arctan2(across, away)), -1)


def _spherical_jacobian(s: Array) -> Array:
    """Return the derivatives (..., 3, 3) of :func:`_spherical`, the rows e_r, e_θ/r, e_φ/(r sin θ).

    On the axis, up to rounding, directions are those of azimuth 0, and no sensor can tell the
    azimuth; at the origin those of the axis, and none can tell either angle: 1/0 is 0 here.
    """
    xp = namespace(s)
    a, b, c = s[..., 0], s[..., 1], s[..., 2]
    is_axis = (abs(a) + abs(b)) <= 8 * float(xp.finfo(s.dtype).eps) * abs(c)
    is_origin = is_axis & (c == 0)
    where = _where(xp, is_axis)
    away, across = where(is_axis, 1.0, a), where(is_axis, 0.0, b)
    width = xp.hypot(away, across)
    flat, up = where(is_axis, 0.0, width), where(is_origin, 1.0, c)
    radius = xp.hypot(flat, up)
    cos_azimuth, sin_azimuth, cos, sin = away / width, across / width, up / radius, flat / radius
    per_radius = where(is_origin, 0.0, 1 / radius)
    per_width = where(is_axis, 0.0, 1 / width)
    rows = (
        xp.stack((sin * cos_azimuth, sin * sin_azimuth, cos), -1),
        xp.stack((cos * cos_azimuth, cos * sin_azimuth, -sin), -1) * per_radius[..., None],
        xp.stack((-sin_azimuth, cos_azimuth, 0 * c), -1) * per_width[..., None],
    )
    return xp.stack(rows, -2)


def _where(xp: Any, mask: Any) -> Callable[[Any, Any, Any], Any]:
    """Return ``where`` of a namespace; if the mask is nowhere true, what that comes to."""
    if is_sure(~mask.any()):
        return lambda mask, value, other: other
    where: Callable[[Any, Any, Any], Any] = xp.where
    return where


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
