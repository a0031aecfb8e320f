"""What all dynamic systems share: how a state moves, what is seen of it, and how noisy both are."""

from __future__ import annotations

import dataclasses
from abc import abstractmethod
from typing import Annotated

import numpy as np
from annotated_types import Ge, Gt, Lt

from mbdl_repro.areas.tracking.systems.arrays import Array
from mbdl_repro.contract.covariance import covariance_root
from mbdl_repro.contract.scenario import Scenario, Split

LARGEST = 1e100
"""Of any number that a system is given: squares of such, and products with them, are finite."""

LARGEST_DB = 1000.0
"""Of a ratio of variances, for the same reason."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class StateSpace(Scenario):
    """A state that moves by s_t = f(s_{t−1}) + v_t and is seen as x_t = h(s_t) + w_t, t = 1 … T.

    s_0 ~ N(s̄_0, σ_0² I),  v_t ~ N(0, V),  w_t ~ N(0, W)

    A row is a trajectory: x (T, n) and s (T, m), s_0 not among them. The equations f and h take
    NumPy arrays and torch tensors alike, of any leading shape, so that what simulates the truth
    and what a filter believes are one and the same line.

    Args:
        n_steps: T.
        noise_std: r, standard deviation of each entry of w_t, unless W says otherwise.
        process_noise_std: q, standard deviation that V is scaled by; this or ``noise_ratio_db``.
        noise_ratio_db: ν = 10 log₁₀ (q²/r²), in dB, which implies q.
        initial_state: s̄_0, the mean of s_0, a tuple or an array; ``None``: the kind's own.
        initial_std: σ_0; 0 where s_0 is known.
        missing_probability: of each entry of x, independently, to be missing: NaN.
        burn_in_steps: steps that the state moves from there, without noise, before it is s_0: a
            row is then a window of a longer orbit. A filter still starts from s̄_0 and σ_0.
        start_seen: whether w_1 = 0, so that it is known where the row begins.
    """

    area = "tracking"

    n_steps: Annotated[int, Ge(1)]
    noise_std: Annotated[float, Gt(0)] | None
    process_noise_std: Annotated[float, Ge(0)] | None = None
    noise_ratio_db: float | None = None
    initial_state: tuple[float, ...] | None = None
    initial_std: Annotated[float, Ge(0)] = 0.0
    missing_probability: Annotated[float, Ge(0), Lt(1)] = 0.0
    burn_in_steps: Annotated[int, Ge(0)] = 0
    start_seen: bool = False

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if isinstance(value, float) and not abs(value) <= LARGEST:
                raise ValueError(f"{field.name} is {value:g}: allowed are numbers up to {LARGEST}")
        if self.noise_ratio_db is not None and abs(self.noise_ratio_db) > LARGEST_DB:
            raise ValueError(
                f"noise_ratio_db is {self.noise_ratio_db:g}: allowed is up to ±{LARGEST_DB:g} dB"
            )
        if self.process_noise_std is not None and self.noise_ratio_db is not None:
            raise ValueError(
                "process_noise_std and noise_ratio_db are both given, and each implies the other"
            )
        if self.initial_state is not None:
            self._check_start(self.initial_state)

    def _check_start(self, start: tuple[float, ...]) -> None:
        if len(start) != self.m:
            raise ValueError(f"initial_state has {len(start)} entries, and the state has {self.m}")
        if not all(abs(value) <= LARGEST for value in start):
            raise ValueError("initial_state has an entry that is infinite, or not a number")

    # The model, in the book's letters ---------------------------------------------------------

    @property
    @abstractmethod
    def m(self) -> int:
        """Entries of the state s_t."""

    @property
    @abstractmethod
    def n(self) -> int:
        """Entries of an observation x_t."""

    @abstractmethod
    def f(self, s: Array, t: int = 1) -> Array:
        """Return where s_{t−1} = s (..., m) moves to at time t, without noise.

        Args:
            s: s_{t−1}, (..., m).
            t: the step, 1 … T; it matters where the model varies in time.
        """

    @abstractmethod
    def f_jacobian(self, s: Array, t: int = 1) -> Array:
        """Return ∂f/∂s (..., m, m) at s (..., m).

        Args:
            s: s_{t−1}, (..., m).
            t: the step, 1 … T.
        """

    @abstractmethod
    def h(self, s: Array, t: int = 1) -> Array:
        """Return what is seen (..., n) of s_t = s (..., m), without noise.

        Args:
            s: s_t, (..., m).
            t: the step, 1 … T; it matters where the model varies in time.
        """

    @abstractmethod
    def h_jacobian(self, s: Array, t: int = 1) -> Array:
        """Return ∂h/∂s (..., n, m) at s (..., m).

        Args:
            s: s_t, (..., m).
            t: the step, 1 … T.
        """

    def residual(self, x: Array, predicted: Array) -> Array:
        """Return x − predicted (..., n); angles, if there are any, wrapped to [−π, π).

        Args:
            x: observations, (..., n); angles in radians.
            predicted: what is subtracted, (..., n); the two shapes broadcast.
        """
        return x - predicted

    @property
    def q(self) -> float:
        """The standard deviation q that the process noise is scaled by."""
        if self.process_noise_std is not None:
            return self.process_noise_std
        if self.noise_ratio_db is None:
            raise ValueError(
                "the process noise is asked for, and process_noise_std, or noise_ratio_db, "
                "is withheld (null)"
            )
        return self.r * 10 ** (self.noise_ratio_db / 20)

    @property
    def r(self) -> float:
        """The standard deviation r that the observation noise is scaled by."""
        if self.noise_std is None:
            raise ValueError("the observation noise is asked for, and noise_std is withheld (null)")
        return self.noise_std

    @property
    def V(self) -> np.ndarray:
        """The covariance of the process noise, (m, m) or, if it varies, (T, m, m)."""
        return self.q**2 * np.eye(self.m)

    @property
    def W(self) -> np.ndarray:
        """The covariance of the observation noise, (n, n) or, if it varies, (T, n, n)."""
        return self.r**2 * np.eye(self.n)

    @property
    def mean_0(self) -> np.ndarray:
        """The mean s̄_0 (m,) of the state before the first step."""
        if self.initial_state is None:
            return np.zeros(self.m)
        return np.array(self.initial_state, dtype=float)

    @property
    def cov_0(self) -> np.ndarray:
        """The covariance σ_0² I (m, m) of the state before the first step."""
        return self.initial_std**2 * np.eye(self.m)

    # The data ---------------------------------------------------------------------------------

    def check_truth(self) -> None:
        """Check that both noises are given; each kind also checks what f and h need.

        Raises:
            ValueError: naming the field that is withheld, and what needs it.
        """
        for _ in (self.q, self.r):
            pass

    def sample(self, n: int, rng: np.random.Generator) -> Split:
        """Draw n trajectories: x (n, T, n_observations) and s (n, T, m).

        Args:
            n: number of trajectories.
            rng: generator of all random numbers.

        Returns:
            The pairs: x, NaN where missing, and s, without s_0.
        """
        T = self.n_steps
        s = self.mean_0 + self.initial_std * rng.standard_normal((n, self.m))
        for _ in range(self.burn_in_steps):
            s = self.f(s)
        v = _coloured(rng.standard_normal((n, T, self.m)), self.V)
        w = _coloured(rng.standard_normal((n, T, self.n)), self.W)
        states = np.empty((n, T, self.m))
        seen = np.empty((n, T, self.n))
        for t in range(T):
            s = self.f(s, t + 1) + v[:, t]
            states[:, t] = s
            seen[:, t] = self.h(s, t + 1)
        if self.start_seen:
            w[:, 0] = 0.0
        x = seen + w
        if self.missing_probability:
            x[rng.random(x.shape) < self.missing_probability] = np.nan
        return Split(x=x, s=states)


def _coloured(white: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """Return noise (n, T, k) of the covariance (k, k) or (T, k, k), from white noise."""
    root = covariance_root(covariance)
    return np.einsum("tij,ntj->nti" if root.ndim == 3 else "ij,ntj->nti", root, white)
