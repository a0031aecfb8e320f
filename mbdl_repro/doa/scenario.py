"""Arrays that receive narrowband and broadband sources."""

from __future__ import annotations

import dataclasses

import numpy as np

from mbdl_repro.doa.array import SensorArray, complex_normal, steering
from mbdl_repro.scenario import Split
from mbdl_repro.seeding import rng_for


@dataclasses.dataclass(frozen=True, kw_only=True)
class Narrowband(SensorArray):
    """Narrowband sources: snapshots x_t = A(s) y_t + w_t, with waveforms y_t ~ CN(0, P).

    P = (1 − ρ) I + ρ 1 1ᵀ, independent from snapshot to snapshot. The arguments are those of
    every :class:`~mbdl_repro.doa.array.SensorArray`.

    Source: Examples 3.9 and 5.10.
    """

    chunk_size = 512

    def waveforms(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Draw Y (n, M, T), as it arrives at the first sensor."""
        M, T = self.told("n_sources"), self.n_snapshots
        own = np.float32(np.sqrt(1 - self.correlation))
        shared = np.float32(np.sqrt(self.correlation))
        Y = np.zeros((n, M, T), dtype=np.complex64)
        if own:
            Y += own * complex_normal(rng, n, M, T)
        if shared:
            Y += shared * complex_normal(rng, n, 1, T)
        return Y * self.phases(n, rng)

    def received(self, n: int, rng: np.random.Generator) -> Split:
        """Draw A(s) Y (n, N, T), of the array as it is, and the angles s (n, M)."""
        s = self.angles(n, rng)
        A = self.actual_steering(s, rng)
        return Split(x=A.astype(np.complex64) @ self.waveforms(n, rng), s=s)

    def actual_steering(self, s: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return the steering vectors (n, N, M) of an array with errors, if it has any."""
        N, d = self.n_sensors, self.told("spacing")
        A = steering(s, N, d)
        n, M = s.shape
        shape = {"nobody": (n, N, M), "sources": (n, N, 1), "trials": (1, N, 1)}
        drawn = shape[self.errors_shared_by]
        if self.errors_shared_by == "trials":
            # One array, whatever is drawn from it.
            rng = rng_for("array", "doa", N, self.spacing_error, self.steering_noise_variance)
        if self.spacing_error:
            moved = rng.uniform(-self.spacing_error, self.spacing_error, drawn)
            A = A * np.exp(-2j * np.pi * np.arange(N)[:, None] * moved * np.sin(s)[:, None, :])
        if self.steering_noise_variance:
            noise = rng.standard_normal(drawn) + 0j
            if self.steering_noise == "complex":
                noise = np.sqrt(0.5) * (noise + 1j * rng.standard_normal(drawn))
            A = A + np.sqrt(self.steering_noise_variance) * noise
        return A
