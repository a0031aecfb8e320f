"""Arrays that receive narrowband and broadband sources."""

from __future__ import annotations

import dataclasses
from typing import Annotated

import numpy as np
from annotated_types import Ge, Gt

from mbdl_repro.areas.doa.array import SensorArray, complex_normal, steering_at
from mbdl_repro.contract.scenario import Split
from mbdl_repro.contract.seeding import rng_for


@dataclasses.dataclass(frozen=True, kw_only=True)
class Narrowband(SensorArray):
    """Narrowband sources: snapshots x_t = A(s) y_t + w_t, with waveforms y_t ~ CN(0, P).

    P = (1 − ρ) I + ρ 1 1ᵀ, independent from snapshot to snapshot. The arguments are those of
    every :class:`~mbdl_repro.areas.doa.array.SensorArray`.

    Source: Examples 3.9 and 5.10.
    """

    name = "narrowband"
    chunk_size = 512

    def waveforms(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Draw Y (n, M, T), as it arrives at the first sensor.

        Args:
            n: number of trials.
            rng: the generator to draw from.
        """
        M, T = self.required("n_sources"), self.n_snapshots
        Y = _correlated(rng, self.correlation, n, M, T)
        Y *= self.phases(n, rng)
        return Y

    def received(self, n: int, rng: np.random.Generator) -> Split:
        """Draw A(s) Y (n, N, T), of the array as it is, and the angles s (n, M)."""
        s = self.angles(n, rng)
        A = self.actual_steering(s, rng)
        return Split(x=A.astype(np.complex64) @ self.waveforms(n, rng), s=s)

    def actual_steering(
        self, s: Annotated[np.ndarray, "(n, M)"], rng: np.random.Generator
    ) -> Annotated[np.ndarray, "(n, N, M)"]:
        """Return the steering vectors (n, N, M) of the array, with its gains, and errors if any.

        Args:
            s: angles (n, M), in rad.
            rng: the generator to draw errors from; not used where all ``trials`` share them.
        """
        A = steering_at(s, self.positions)
        moved, added = _errors_of(self, s, rng)
        if moved is not None:
            n = np.arange(self.n_sensors)[:, None]
            A = A * np.exp(-2j * np.pi * n * moved * np.sin(s)[:, None, :])
        if added is not None:
            A = A + added
        return self.gains[:, None] * A


@dataclasses.dataclass(frozen=True, kw_only=True)
class Misplaced(Narrowband):
    """Narrowband sources on an array with misplaced sensors; each seed has its own array.

    Sensor n is off its place by n δ_n, δ_n uniform on [−η, η] and drawn anew for each seed, of
    which all snapshots are received by the same array. A belief in ``spacing_error: 0`` is one in
    the array as it was planned, and one in the η of the truth in the array as it is; another η′ is
    told η′/η of each displacement.

    Args:
        spacing_error: η, in wavelengths, of the array of each seed.
        errors_shared_by: of ``steering_noise_variance`` only.

    Others are those of every :class:`~mbdl_repro.areas.doa.array.SensorArray`.

    Source: ours, after Shmuel et al., SubspaceNet, 2023, Section V.
    """

    name = "misplaced"

    def of_seed(self, seed: int) -> Narrowband:
        """Return the array of a seed: sensors where they are, and nothing more to be drawn.

        Args:
            seed: of which one array is drawn, whatever η is: it grows in proportion to it.
        """
        rng = rng_for("array", self.area, self.name, self.n_sensors, seed)
        off = np.arange(self.n_sensors) * rng.uniform(-1, 1, self.n_sensors)
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(Narrowband)}
        if self.spacing_error:
            fields["sensor_positions"] = tuple(self.positions + self.spacing_error * off)
        return Narrowband(**{**fields, "spacing_error": 0.0})

    def received(self, n: int, rng: np.random.Generator) -> Split:
        """Draw what the first seed's array receives, (n, N, T), and the angles s (n, M)."""
        return self.of_seed(0).received(n, rng)

    def draw(self, n: int, *stream: object) -> Split:
        """Draw ``n`` pairs from the named stream, whose second name is the seed: else it is 0.

        Args:
            n: number of rows.
            stream: names of the stream, for example ``("train", seed)``.
        """
        seed = stream[1] if len(stream) > 1 and isinstance(stream[1], int) else 0
        array = self.of_seed(seed)
        chunks = [
            array.sample(self.chunk_size, rng_for("data", *self.identity(), *stream, i))
            for i in range(-(-n // self.chunk_size))
        ]
        return Split(*(np.concatenate(parts)[:n] for parts in zip(*chunks, strict=True)))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Ofdm(SensorArray):
    """Broadband sources: one OFDM symbol of L sub-carriers each, in the band 0 … B.

    y_m(t) = L^(−1/2) Σ_l c_ml exp(j2π f_l t),  f_l = l B / L,  l = 0 … L − 1,  c_ml ~ CN(0, 1)
    x_n(t) = Σ_m L^(−1/2) Σ_l c_ml exp(j2π f_l (t − τ_nm)) + w_n(t),  τ_nm = n d sin θ_m / B

    So sub-carrier l meets the steering vector of spacing d f_l / B, and an array of d = 1/2 is one
    of half a wavelength at the band's upper edge. Snapshots are taken at t = 0, 1/f_s, …,
    (T − 1)/f_s; a symbol lasts L/B, and comes again after that. ρ is the correlation of two
    sources' c_ml: 1 is one symbol from all of them. The noise is white, up to f_s.

    Sampled at f_s < B, sub-carriers f_s apart are aliased: one frequency of the snapshots then
    holds several, each of its own steering vector, and no array of narrowband sources has such a
    covariance. The published text has f_s = T / 1 s, that is 50 … 1000 Hz; the published code
    samples at 2 B = 1000 Hz and keeps the first T snapshots, which is the default here.

    Args:
        n_subcarriers: L.
        bandwidth_hz: B.
        sampling_rate_hz: f_s.

    Others are those of every :class:`~mbdl_repro.areas.doa.array.SensorArray`, except:

        snr_db: 1/σ² in dB, at each snapshot, as elsewhere. Published coefficients are divided by
            L, not √L: what is published at "10 dB" is 2 · 10 − 10 lg 500 = −7 dB here.

        spacing: d, in wavelengths of the frequency B.
        sensor_positions, spacing_error: in wavelengths of the frequency B.

    Source: Shmuel et al., SubspaceNet, 2023, Section V.
    """

    name = "ofdm"
    chunk_size = 128

    n_subcarriers: Annotated[int, Ge(1)] = 500
    bandwidth_hz: Annotated[float, Gt(0)] = 500.0
    sampling_rate_hz: Annotated[float, Gt(0)] = 1000.0

    def coefficients(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Draw c (n, M, L), of variance 1.

        Args:
            n: number of trials.
            rng: the generator to draw from.
        """
        M, L = self.required("n_sources"), self.n_subcarriers
        c = _correlated(rng, self.correlation, n, M, L)
        c *= self.phases(n, rng)
        return c

    def received(self, n: int, rng: np.random.Generator) -> Split:
        """Draw what the sensors receive, (n, N, T), and the angles s (n, M)."""
        s = self.angles(n, rng)
        N, L, T = self.n_sensors, self.n_subcarriers, self.n_snapshots
        moved, added = _errors_of(self, s, rng)
        positions, gains = self.positions[:, None], self.gains
        if moved is not None:
            positions = positions + np.arange(N)[:, None] * moved
        delays = positions * np.sin(s)[:, None, :]  # (n, N, M), in units of 1/B
        c = self.coefficients(n, rng)
        share = np.arange(L, dtype=np.float32) / np.float32(L)  # f / B
        spectrum = np.empty((n, N, L), dtype=np.complex64)
        for sensor in range(N):
            phase = np.float32(-2 * np.pi) * delays[:, sensor, :, None].astype(np.float32) * share
            gain = np.empty(phase.shape, dtype=np.complex64)
            gain.real, gain.imag = np.cos(phase), np.sin(phase)
            if added is not None:
                gain += np.broadcast_to(added, (*delays.shape[:1], N, s.shape[1]))[
                    :, sensor, :, None
                ].astype(np.complex64)
            spectrum[:, sensor] = gains[sensor] * (gain * c).sum(1)
        frequency = self.bandwidth_hz / L * np.arange(L)
        time = np.arange(T) / self.sampling_rate_hz
        carriers = np.exp(2j * np.pi * np.outer(frequency, time)) / np.sqrt(L)
        x = spectrum.reshape(n * N, L) @ carriers.astype(np.complex64)
        return Split(x=x.reshape(n, N, T), s=s)


def _correlated(
    rng: np.random.Generator, correlation: float, n: int, n_sources: int, size: int
) -> np.ndarray:
    """Draw what sources send (n, M, size), CN(0, 1), any two with this correlation."""
    own, shared = np.float32(np.sqrt(1 - correlation)), np.float32(np.sqrt(correlation))
    if not own:
        return np.repeat(complex_normal(rng, n, 1, size), n_sources, axis=1)
    drawn = complex_normal(rng, n, n_sources, size)
    if shared:
        drawn *= own
        drawn += shared * complex_normal(rng, n, 1, size)
    return drawn


def _errors_of(
    array: SensorArray, s: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Draw an array's errors, as met by sources at s (n, M): δ and what steering vectors gain.

    Either is None where there is none; otherwise of a shape that goes with (n, N, M).
    """
    n, M = s.shape
    N = array.n_sensors
    shape = {"nobody": (n, N, M), "sources": (n, N, 1), "trials": (1, N, 1)}
    drawn = shape[array.errors_shared_by]
    if array.errors_shared_by == "trials":
        # One array, whatever is drawn from it.
        rng = rng_for("array", "doa", N, array.spacing_error, array.steering_noise_variance)
    moved = added = None
    if array.spacing_error:
        moved = rng.uniform(-array.spacing_error, array.spacing_error, drawn)
    if array.steering_noise_variance:
        noise = rng.standard_normal(drawn) + 0j
        if array.steering_noise == "complex":
            noise = np.sqrt(0.5) * (noise + 1j * rng.standard_normal(drawn))
        added = np.sqrt(array.steering_noise_variance) * noise
    return moved, added
