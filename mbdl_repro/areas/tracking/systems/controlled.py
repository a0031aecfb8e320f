"""A mass that a force moves: the system of stochastic control."""

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


@dataclasses.dataclass(frozen=True, kw_only=True)
class Controlled(StateSpace):
    """A mass on a spring, moved by a force: s_t = F s_{t−1} + B u_{t−1} + v_t, x_t = s_t + w_t.

    s = (position in m, velocity in m/s), and u is a force in N, held over each step. F and B are
    exact at the ends of steps. Without a spring it is the double integrator.

    A row is an experiment without a controller, in which the force is a known sequence, the same
    in all rows: nothing, and then a pseudo-random binary sequence. A controller is not scored
    on these rows as they are: it acts in their place, on the same disturbances. What it is to make
    small is the mean over steps of sᵀ Q s + u R u.

    Args:
        mass_kg: of what is moved.
        stiffness_n_per_m: of the spring; 0: there is none, negative: it pushes away.
        time_step_s: between measurements, and how long a force is held.
        probe_force_n: size of the force in recorded experiments.
        position_cost_per_m2: first entry of Q, which is diagonal.
        velocity_cost_s2_per_m2: second entry of Q.
        force_cost_per_n2: R.

    Source: Shlezinger, Eldar and Boyd, 2022, whose running example is stochastic control.
    """

    name = "controlled"

    mass_kg: Annotated[float, Gt(0)] | None = 1.0
    stiffness_n_per_m: float | None = 0.0
    time_step_s: Annotated[float, Gt(0)] = 0.2
    probe_force_n: Annotated[float, Gt(0)] = 1.0
    position_cost_per_m2: Annotated[float, Ge(0)] = 1.0
    velocity_cost_s2_per_m2: Annotated[float, Ge(0)] = 0.1
    force_cost_per_n2: Annotated[float, Gt(0)] = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.start_seen or self.burn_in_steps:
            raise ValueError(
                "start_seen and burn_in_steps are for nonlinear systems: leave them out where "
                "kind is controlled"
            )

    @property
    def m(self) -> int:
        """Entries of the state: position and velocity."""
        return 2

    @property
    def n(self) -> int:
        """Entries of an observation: both are measured."""
        return 2

    @cached_property
    def _step(self) -> np.ndarray:
        """The exponential of a step of (s, u), (3, 3): F and B side by side, and (0, 0, 1)."""
        for field in ("mass_kg", "stiffness_n_per_m"):
            if getattr(self, field) is None:
                raise ValueError(f"F and B are asked for, and {field} is withheld (null)")
        rates = np.zeros((3, 3))
        rates[0, 1] = 1.0
        rates[1, 0] = -self.stiffness_n_per_m / self.mass_kg  # type: ignore[operator]
        rates[1, 2] = 1.0 / self.mass_kg  # type: ignore[operator]
        return read_only(expm(self.time_step_s * rates))

    @property
    def F(self) -> np.ndarray:
        """How the state moves by itself, (2, 2)."""
        return self._step[:2, :2]

    @property
    def B(self) -> np.ndarray:
        """What a force of 1 N that is held over a step adds to the state, (2, 1)."""
        return self._step[:2, 2:]

    @property
    def H(self) -> np.ndarray:
        """What is measured of the state, (2, 2): all of it."""
        return np.eye(2)

    @property
    def Q(self) -> np.ndarray:
        """The cost of a state, (2, 2)."""
        return np.diag([self.position_cost_per_m2, self.velocity_cost_s2_per_m2])

    @property
    def R(self) -> np.ndarray:
        """The cost of an input, (1, 1)."""
        return np.array([[self.force_cost_per_n2]])

    @cached_property
    def probe(self) -> np.ndarray:
        """The inputs u_0 … u_{T−1} of recorded experiments, (T, 1), in N; nobody acts at first."""
        forces = self.probe_force_n * (2.0 * pseudo_random_bits(self.n_steps) - 1.0)
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
        """Return F s + B u (..., 2).

        Args:
            s: the state, (..., 2).
            u: the input that is held over the step, (..., 1).
        """
        return s @ like(self.F, s).mT + u @ like(self.B, s).mT

    def f(self, s: Array, t: int = 1) -> Array:
        """Return where s_{t−1} = s (..., 2) moves to at time t of a recorded experiment."""
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
