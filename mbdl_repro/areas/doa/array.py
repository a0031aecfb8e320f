"""Linear arrays: where sensors stand, what they receive, and how sources are drawn."""

from __future__ import annotations

import dataclasses
import math
import sys
from abc import abstractmethod
from typing import Annotated, Any, Literal, TypeVar

import numpy as np
from annotated_types import Ge, Gt, Le

from mbdl_repro.contract.scenario import Scenario, Split

Array = TypeVar("Array", bound=Any)

SENSOR_FIELDS = ("sensor_positions", "sensor_gains", "sensor_phases_deg")
"""Fields of a number for each sensor."""

MOST_DB = 300
"""Largest ratio of powers that single precision holds, and its square roots' squares."""


def steering(angle_rad: Array, n_sensors: int, spacing: float) -> Array:
    """Return the steering vectors of a uniform array, a_n(θ) = exp(−j 2π d n sin θ), as columns.

    Args:
        angle_rad: θ (..., M), NumPy or torch, from broadside.
        n_sensors: N; n is 0 … N − 1.
        spacing: d between sensors, in wavelengths.

    Returns:
        A (..., N, M), complex.
    """
    xp: Any = sys.modules[type(angle_rad).__module__.partition(".")[0]]
    on = {"device": angle_rad.device} if xp.__name__ == "torch" else {}
    # In the precision of the angle.
    return steering_at(angle_rad, spacing * xp.arange(n_sensors, dtype=angle_rad.dtype, **on))


def steering_at(angle_rad: Array, positions: Array) -> Array:
    """Return the steering vectors a_n(θ) = exp(−j 2π p_n sin θ), as columns.

    Args:
        angle_rad: θ (..., M), NumPy or torch, from broadside.
        positions: p (N,) of sensors on a line, in wavelengths; NumPy or torch, as the angles.

    Returns:
        A (..., N, M), complex.
    """
    xp: Any = sys.modules[type(angle_rad).__module__.partition(".")[0]]
    return xp.exp(-2j * math.pi * xp.sin(angle_rad)[..., None, :] * positions[:, None])


def uniform_step(
    positions: Annotated[np.ndarray, "(N,)"], gains: Annotated[np.ndarray, "(N,)"]
) -> float | None:
    """Return the step d of sensors that are alike, and rise in equal steps of at most 1/2.

    Args:
        positions: p (N,) of sensors on a line, in wavelengths.
        gains: g (N,), complex.

    Returns:
        d in wavelengths; ``None`` where they are not so.
    """
    if not np.allclose(gains, gains[0], rtol=1e-9, atol=0):
        return None
    steps = np.diff(positions)
    even = np.ptp(steps) <= 1e-9 * abs(steps).max() and 0 < steps[0] <= 0.5 * (1 + 1e-9)
    return min(float(steps.mean()), 0.5) if even else None


def complex_normal(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Draw CN(0, 1) in single precision: half of the variance in each part.

    Args:
        rng: the generator to draw from.
        shape: shape of the answer, complex.
    """
    parts = rng.standard_normal((*shape, 2), dtype=np.float32)
    parts *= np.float32(math.sqrt(0.5))
    return parts.view(np.complex64)[..., 0]


@dataclasses.dataclass(frozen=True, kw_only=True)
class SensorArray(Scenario):
    """M sources that a linear array of sensors receives in T snapshots: X = A(s) Y + W.

    The angles s are drawn uniformly among those, in ascending order, that differ by more than
    the least gap, and by less than 180° minus it, each from the next. Sources have power 1, and
    the noise of a sensor CN(0, σ²). The array is uniform, of spacing d, unless ``sensor_positions``
    are given; fields of one number a sensor may be given as arrays.

    Observations are in single precision, which is far finer than any noise here; whoever
    decomposes their covariance should compute it in double precision.

    Args:
        n_sources: M.
        n_snapshots: T.
        snr_db: 1/σ² in dB, of power, of one source at one sensor.
        published_snr_db: half of ``snr_db``, which it implies: the published code gives sources
            the amplitude 10^(SNR/10), so that its "10 dB" are 20 dB of power.
        correlation: ρ of each two sources' waveforms: 0 non-coherent, 1 coherent (one waveform).
        path_phases: phases with which sources arrive: all ``equal``, as published, or drawn at
            ``random`` in each trial, as over paths of unknown length.
        n_sensors: N.
        spacing: d between sensors, in wavelengths; not read where ``sensor_positions`` are given.
        sensor_positions: p (N,) of sensors on a line, in wavelengths, in any order; ``None``: n d.
        sensor_gains: amplitude (N,) with which each sensor receives; ``None``: 1.
        sensor_phases_deg: phase (N,) that each sensor adds; ``None``: 0.
        max_angle_deg: angles lie in ± this, from broadside.
        min_gap_deg: least gap between two angles.
        angles_deg: the angles, where they are the same in all trials; in ascending order.
        spacing_error: η; sensor n is off its place by n δ_n, δ_n uniform on [−η, η], in
            wavelengths.
        steering_noise_variance: variance of what is added to each entry of a steering vector.
        steering_noise: ``complex``, CN, or ``real``, N, as the published code has it.
        errors_shared_by: who meets the same drawn errors of the array: ``nobody``, as published,
            where each source of a trial meets an array of its own; the ``sources`` of a trial;
            or all ``trials``: one array, built with errors.

    Source: Examples 3.9 and 5.10; Shmuel et al., SubspaceNet, 2023.
    """

    area = "doa"

    n_sources: Annotated[int, Ge(1)] | None
    n_snapshots: Annotated[int, Ge(1)]
    snr_db: float | None = None
    published_snr_db: float | None = None
    correlation: Annotated[float, Ge(0), Le(1)] = 0.0
    path_phases: Literal["equal", "random"] = "equal"
    n_sensors: Annotated[int, Ge(2)] = 8
    spacing: Annotated[float, Gt(0), Le(0.5)] | None = 0.5
    max_angle_deg: Annotated[float, Gt(0), Le(90)] = 90.0
    min_gap_deg: Annotated[float, Ge(0)] = 15.0
    angles_deg: tuple[float, ...] | None = None
    spacing_error: Annotated[float, Ge(0)] = 0.0
    steering_noise_variance: Annotated[float, Ge(0)] = 0.0
    steering_noise: Literal["complex", "real"] = "complex"
    errors_shared_by: Literal["nobody", "sources", "trials"] = "nobody"
    sensor_positions: tuple[float, ...] | None = None
    sensor_gains: tuple[Annotated[float, Ge(0)], ...] | None = None
    sensor_phases_deg: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        if self.published_snr_db is not None:
            # One name for each truth, so that its data and fits are made once.
            object.__setattr__(self, "snr_db", 2.0 * self.published_snr_db)
            object.__setattr__(self, "published_snr_db", None)
        if self.snr_db is not None and not abs(self.snr_db) <= MOST_DB:
            raise ValueError(
                f"snr_db is {self.snr_db:g}: allowed is -{MOST_DB} to {MOST_DB}, whose noise "
                "single precision holds"
            )
        self._check_sensors()
        if self.n_sources is not None:
            self._check_sources(self.n_sources)

    def _check_sensors(self) -> None:
        for field in SENSOR_FIELDS:
            value = getattr(self, field)
            if value is None:
                continue
            if np.shape(value) != (self.n_sensors,):
                raise ValueError(
                    f"{field} has the shape {np.shape(value)}: should be one number for each of "
                    f"n_sensors = {self.n_sensors}"
                )
            if not np.isfinite(value).all():
                raise ValueError(f"{field} is {list(value)}: should be finite numbers")
        if self.sensor_positions is not None:
            places = np.sort(self.sensor_positions)
            if np.diff(places).min() <= 1e-9 * np.ptp(places):
                raise ValueError(
                    f"sensor_positions is {list(self.sensor_positions)}: two sensors are at one "
                    "place"
                )
        if self.sensor_gains is not None and (
            min(self.sensor_gains) < 0 or not any(self.sensor_gains)
        ):
            raise ValueError(
                f"sensor_gains is {list(self.sensor_gains)}: should be amplitudes, of 0 or more, "
                "and not all 0; a sign is a phase of 180 in sensor_phases_deg"
            )

    def _check_sources(self, M: int) -> None:
        if self.n_sensors <= M:
            raise ValueError(
                f"n_sources is {M}: allowed is 1 to {self.n_sensors - 1}, as n_sensors is "
                f"{self.n_sensors} (of {self.n_sensors} sensors, that many sources fill the space)"
            )
        if self.angles_deg is not None:
            given = np.asarray(self.angles_deg)
            if given.shape != (M,) or not ((np.diff(given) > 0).all() and (abs(given) <= 90).all()):
                raise ValueError(
                    f"angles_deg is {list(self.angles_deg)}: allowed are n_sources = {M} rising "
                    "angles in -90 to 90"
                )
        elif (M - 1) * self.min_gap_deg >= 2 * self.max_angle_deg:
            raise ValueError(
                f"min_gap_deg is {self.min_gap_deg:g}: {M} angles with such gaps do not fit in "
                f"±{self.max_angle_deg:g}, which max_angle_deg allows"
            )
        elif M == 2 and self.min_gap_deg > 85:
            raise ValueError(
                f"min_gap_deg is {self.min_gap_deg:g}: allowed is at most 85, as two angles "
                "also differ by less than 180 degrees minus it"
            )

    @property
    def noise_std(self) -> float:
        """The standard deviation σ of the noise of a sensor, sources having power 1."""
        return float(10 ** (-self.required("snr_db") / 20))

    @property
    def positions(self) -> np.ndarray:
        """Where sensors stand, p (N,), in wavelengths."""
        if self.sensor_positions is not None:
            return np.array(self.sensor_positions)
        return self.required("spacing") * np.arange(self.n_sensors)

    @property
    def gains(self) -> np.ndarray:
        """What sensors multiply by what reaches them, g (N,), complex."""
        gains = np.ones(self.n_sensors) if self.sensor_gains is None else self.sensor_gains
        phases = 0 if self.sensor_phases_deg is None else np.deg2rad(self.sensor_phases_deg)
        return np.asarray(gains) * np.exp(1j * phases)

    @property
    def is_uniform(self) -> bool:
        """Whether sensors are alike, and stand in equal steps of at most half a wavelength."""
        # In steps of whatever length, where places are not given.
        places = 0.5 * np.arange(self.n_sensors)
        if self.sensor_positions is not None:
            places = np.array(self.sensor_positions)
        return uniform_step(places, self.gains) is not None

    def uniform_spacing(self, who: str) -> float:
        """Return the spacing d of a uniform array, in wavelengths.

        Args:
            who: needs one, for the message.

        Raises:
            ValueError: if the array is not uniform, or the spacing is withheld.
        """
        if self.sensor_positions is None and self.is_uniform:
            return float(self.required("spacing"))
        step = None if self.sensor_positions is None else uniform_step(self.positions, self.gains)
        if step is None:
            raise ValueError(
                f"{who} is made for a uniform array, of sensors that are alike, rising in equal "
                "steps of at most half a wavelength: sensor_positions, sensor_gains and "
                "sensor_phases_deg say another one"
            )
        return step

    def source_covariance(self) -> Annotated[np.ndarray, "(M, M)"]:
        """Return E[y yᴴ] (M, M), of sources that arrive with equal phases."""
        M = self.required("n_sources")
        return (1 - self.correlation) * np.eye(M) + self.correlation * np.ones((M, M))

    def angles(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Draw the angles (n, M) in rad, each row rising.

        Args:
            n: number of trials.
            rng: the generator to draw from; not used where ``angles_deg`` is given.

        Raises:
            ValueError: if the number of sources is withheld.
        """
        M = self.required("n_sources")
        if self.angles_deg is not None:
            return np.tile(np.deg2rad(self.angles_deg), (n, 1))
        low, high = -self.max_angle_deg, self.max_angle_deg
        drawn = np.empty((n, M))
        again = np.ones(n, dtype=bool)
        while again.any():
            # Uniform among all that keep the gap: the gaps are taken out, and put back.
            room = rng.uniform(low, high - (M - 1) * self.min_gap_deg, (again.sum(), M))
            drawn[again] = np.sort(room, axis=1) + self.min_gap_deg * np.arange(M)
            again = np.any(np.diff(drawn, axis=1) >= 180 - self.min_gap_deg, axis=1)
        return np.deg2rad(drawn)

    def phases(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Draw the factors (n, M, 1), of modulus 1, with which sources arrive.

        Args:
            n: number of trials.
            rng: the generator to draw from; not used where ``path_phases`` are ``equal``.
        """
        M = self.required("n_sources")
        if self.path_phases == "equal":
            return np.ones((n, M, 1), dtype=np.complex64)
        return np.exp(2j * np.pi * rng.random((n, M, 1), dtype=np.float32))

    @abstractmethod
    def received(self, n: int, rng: np.random.Generator) -> Split:
        """Draw what sensors would receive without noise, (n, N, T), and the angles (n, M).

        Args:
            n: number of trials.
            rng: the generator to draw from.

        Returns:
            x (n, N, T), complex, in single precision, and s (n, M), in rad, each row rising.
        """

    def check_truth(self) -> None:
        """Check that the number of sources, the spacing and the noise are given.

        Raises:
            ValueError: naming the one that is withheld.
        """
        place = "spacing" if self.sensor_positions is None else "sensor_positions"
        for field in ("n_sources", place, "snr_db"):
            self.required(field)

    def sample(self, n: int, rng: np.random.Generator) -> Split:
        """Draw n pairs: snapshots x (n, N, T), complex, and angles s (n, M), in rad.

        Args:
            n: number of trials.
            rng: the generator to draw from, angles and waveforms first, noise last.
        """
        x, s = self.received(n, rng)
        noise = complex_normal(rng, *x.shape)
        noise *= np.float32(self.noise_std)
        x += noise
        return Split(x=x, s=s)
