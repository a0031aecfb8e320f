"""One look of an array: what comes from straight ahead, among what comes from elsewhere."""

from __future__ import annotations

import dataclasses
from typing import Annotated, Literal, NamedTuple

import numpy as np
from annotated_types import Ge, Gt, Le

from mbdl_repro.areas.doa.array import complex_normal, steering_at
from mbdl_repro.contract.scenario import Scenario, Split

SceneName = Literal["alone", "point", "crowd", "diffuse"]


class Scene(NamedTuple):
    """How many others there are, and powers, uniform in dB."""

    n_others: tuple[int, int]
    others_db: tuple[float, float]
    target_db: tuple[float, float]


SCENES: dict[str, Scene] = {
    "alone": Scene((0, 0), (0.0, 0.0), (0.0, 30.0)),
    "point": Scene((1, 3), (10.0, 30.0), (0.0, 30.0)),
    "crowd": Scene((5, 5), (10.0, 30.0), (0.0, 30.0)),
    "diffuse": Scene((8, 20), (0.0, 12.0), (0.0, 25.0)),
}


class Senders(NamedTuple):
    """What is drawn of each row, before waveforms and noise."""

    target_power: np.ndarray
    """P (n,)."""
    powers: np.ndarray
    """P_k (n, K) of the others; 0 of those that are not there."""
    steering: np.ndarray
    """a(u_k) (n, N, K)."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Look(Scenario):
    """x_t = 1 s_t + Σ_k a(u_k) y_kt + w_t,  a_n(u) = exp(−jπ n u),  w_t ~ CN(0, σ² I).

    A row is a look straight ahead, after delays that line its echo up in all N sensors, half a
    wavelength apart: a pixel of an image. In its T snapshots the target s_t ~ CN(0, P) and each of
    the others, y_kt ~ CN(0, P_k), keep their powers and directions; those are drawn anew for each
    row, P and P_k uniform in dB, u_k = sin θ_k uniform where |u_k| > u_0.

    Args:
        scene: ``alone``, a target of 0 to 30 dB and no others; ``point``, with 1 to 3 others of 10
            to 30 dB; ``crowd``, with five of those; ``diffuse``, a target of 0 to 25 dB and 8 to
            20 others of 0 to 12 dB. Decibels are over 1, the noise of a sensor as by default.
        n_sensors: N.
        n_snapshots: T.
        least_sine: u_0.
        noise_std: σ, of a sensor, in both parts of a complex number together.

    Source: ours, for Luijten et al., 2020, "Adaptive ultrasound beamforming using deep learning".
    """

    area = "doa"
    name = "look"
    chunk_size = 1000

    scene: SceneName | None = "point"
    n_sensors: Annotated[int, Ge(2)] = 16
    n_snapshots: Annotated[int, Ge(1)] = 1
    least_sine: Annotated[float, Ge(0), Le(1)] = 0.1
    noise_std: Annotated[float, Gt(0)] = 1.0

    def check_truth(self) -> None:
        """Check that nothing is withheld that drawing needs."""
        self.required("scene")

    def senders(self, n: int, rng: np.random.Generator) -> Senders:
        """Draw powers and directions of n rows.

        Args:
            n: number of rows.
            rng: what they are drawn from.
        """
        scene = SCENES[self.required("scene")]
        least, most = scene.n_others
        target = 10 ** (rng.uniform(*scene.target_db, n) / 10)
        powers = 10 ** (rng.uniform(*scene.others_db, (n, most)) / 10)
        powers *= np.arange(most) < rng.integers(least, most, (n, 1), endpoint=True)
        u = rng.uniform(self.least_sine, 1, (n, most)) * rng.choice([-1.0, 1.0], (n, most))
        return Senders(target, powers, steering_at(np.arcsin(u), np.arange(self.n_sensors) / 2))

    def sample(self, n: int, rng: np.random.Generator) -> Split:
        """Draw n looks: x (n, N, T) and the target's waveform s (n, T), complex."""
        target, powers, A = self.senders(n, rng)
        T = self.n_snapshots
        s = np.sqrt(target)[:, None] * complex_normal(rng, n, T)
        y = np.sqrt(powers)[..., None] * complex_normal(rng, n, powers.shape[1], T)
        x = s[:, None] + A @ y + self.noise_std * complex_normal(rng, n, self.n_sensors, T)
        return Split(x, s)
