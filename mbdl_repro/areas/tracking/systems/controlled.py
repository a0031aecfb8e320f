"""Masses between springs, moved by a force: the system of stochastic control."""

from __future__ import annotations

import dataclasses
from functools import cached_property
from typing import Annotated

import numpy as np
from annotated_types import Ge, Gt
from scipy.linalg import expm

from mbdl_repro.areas.tracking.systems.arrays import Array, like
from mbdl_repro.areas.tracking.systems.state_space import StateSpace
from mbdl_repro.contract.arrays import read_only

UNLIMITED_N = 1e9
"""A limit of forces that nothing reaches."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Controlled(StateSpace):
    """A mass on a spring, moved by a force: s_t = F s_{t−1} + B u_{t−1} + v_t, x_t = s_t + w_t.

    s = (position in m, velocity in m/s), and u is a force in N, held over each step. F and B are
    exact at the ends of steps. Without a spring it is the double integrator. Several masses stand
    in a row, each on a spring to the one before, the first on a wall; the force moves the last,
    and s holds all positions, then all velocities.

    A row is an experiment without a controller, in which the force is a known sequence, the same
    in all rows: nothing, and then a pseudo-random binary sequence. A controller is not scored
    on these rows as they are: it acts in their place, on the same disturbances. What it is to make
    small is the mean over steps of sᵀ Q s + u R u.

    Args:
        mass_kg: of what is moved; of each mass.
        stiffness_n_per_m: of each spring; 0: there is none, negative: it pushes away.
        time_step_s: between measurements, and how long a force is held.
        probe_force_n: size of the force in recorded experiments, or the limit, if that is less.
        position_cost_per_m2: entry of Q, which is diagonal, of each position.
        velocity_cost_s2_per_m2: entry of Q of each velocity.
        force_cost_per_n2: R.
        n_masses: M.
        force_limit_n: beyond which the actuator gives no more, whatever a controller asks for;
            the default is as good as none.

    Source: Shlezinger, Eldar and Boyd, 2022, whose running example is stochastic control; Wang and
    Boyd, 2010, for masses between springs and limited forces.
    """

    name = "controlled"

    mass_kg: Annotated[float, Gt(0)] | None = 1.0
    stiffness_n_per_m: float | None = 0.0
    time_step_s: Annotated[float, Gt(0)] = 0.2
    probe_force_n: Annotated[float, Gt(0)] = 1.0
    position_cost_per_m2: Annotated[float, Ge(0)] = 1.0
    velocity_cost_s2_per_m2: Annotated[float, Ge(0)] = 0.1
    force_cost_per_n2: Annotated[float, Gt(0)] = 0.1
    n_masses: Annotated[int, Ge(1)] = 1
    force_limit_n: Annotated[float, Gt(0)] = UNLIMITED_N

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.start_seen or self.burn_in_steps:
            raise ValueError(
                "start_seen and burn_in_steps are for nonlinear systems: leave them out where "
                "kind is controlled"
            )

    @property
    def m(self) -> int:
        """Entries of the state: positions and velocities."""
        return 2 * self.n_masses

    @property
    def n(self) -> int:
        """Entries of an observation: all are measured."""
        return self.m

    @cached_property
    def _step(self) -> np.ndarray:
        """The exponential of a step of (s, u), (m + 1, m + 1): F and B, and (0, …, 0, 1)."""
        for field in ("mass_kg", "stiffness_n_per_m"):
            if getattr(self, field) is None:
                raise ValueError(f"F and B are asked for, and {field} is withheld (null)")
        M, m = self.n_masses, self.m
        stretches = np.eye(M) - np.eye(M, k=-1)  # of springs, by positions
        per_kg = -self.stiffness_n_per_m / self.mass_kg  # type: ignore[operator]
        rates = np.zeros((m + 1, m + 1))
        rates[:M, M:m] = np.eye(M)
        rates[M:m, :M] = per_kg * stretches.T @ stretches
        rates[m - 1, m] = 1.0 / self.mass_kg  # type: ignore[operator]
        return read_only(expm(self.time_step_s * rates))

    @property
    def F(self) -> np.ndarray:
        """How the state moves by itself, (m, m)."""
        return self._step[: self.m, : self.m]

    @property
    def B(self) -> np.ndarray:
        """What a force of 1 N that is held over a step adds to the state, (m, 1)."""
        return self._step[: self.m, self.m :]

    @property
    def H(self) -> np.ndarray:
        """What is measured of the state, (m, m): all of it."""
        return np.eye(self.m)

    @property
    def Q(self) -> np.ndarray:
        """The cost of a state, (m, m)."""
        each = [self.position_cost_per_m2, self.velocity_cost_s2_per_m2]
        return np.diag(np.repeat(each, self.n_masses))

    @property
    def R(self) -> np.ndarray:
        """The cost of an input, (1, 1)."""
        return np.array([[self.force_cost_per_n2]])

    @cached_property
    def probe(self) -> np.ndarray:
        """The inputs u_0 … u_{T−1} of recorded experiments, (T, 1), in N; nobody acts at first."""
        force = min(self.probe_force_n, self.force_limit_n)
        forces = force * (2.0 * pseudo_random_bits(self.n_steps) - 1.0)
        forces[0] = 0.0
        return read_only(forces[:, None])

    def check_truth(self) -> None:
        """Check that both noises are given, and F and B.

        Raises:
            ValueError: naming the field that is withheld, and what needs it.
        """
        super().check_truth()
        _ = self._step

    def moved(self, s: Array, u: Array) -> Array:
        """Return F s + B u (..., m).

        Args:
            s: the state, (..., m).
            u: the input that is held over the step, (..., 1).
        """
        return s @ like(self.F, s).mT + u @ like(self.B, s).mT

    def f(self, s: Array, t: int = 1) -> Array:
        """Return where s_{t−1} = s (..., m) moves to at time t of a recorded experiment."""
        return self.moved(s, like(self.probe[t - 1], s))

    def f_jacobian(self, s: Array, t: int = 1) -> Array:
        """Return F, for each state."""
        return s[..., None] * 0 + like(self.F, s)

    def h(self, s: Array, t: int = 1) -> Array:
        """Return the state itself."""
        return s

    def h_jacobian(self, s: Array, t: int = 1) -> Array:
        """Return the identity, for each state."""
        return s[..., None] * 0 + like(self.H, s)


def pseudo_random_bits(n: int) -> Annotated[np.ndarray, "(n,)"]:
    """Return the first n bits of a pseudo-random binary sequence of period 127, (n,), 0 or 1.

    b_t = b_{t−6} ⊕ b_{t−7}, after seven ones

    Args:
        n: how many.

    Source: textbook; such inputs excite a plant at all frequencies alike.
    """
    bits = [1] * 7
    while len(bits) < n:
        bits.append(bits[-6] ^ bits[-7])
    return np.array(bits[:n], dtype=float)
