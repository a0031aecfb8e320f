"""A toy whose entries move and are seen one by one."""

from __future__ import annotations

import dataclasses
from typing import Annotated

import numpy as np
from annotated_types import Ge

from mbdl_repro.areas.tracking.systems.arrays import Array, like, namespace
from mbdl_repro.areas.tracking.systems.state_space import StateSpace


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
