"""Signals that a network of random weights makes, observed through a random matrix."""

from __future__ import annotations

import dataclasses
import itertools
from functools import cache
from typing import Annotated

import numpy as np
from annotated_types import Ge, Gt

from mbdl_repro.contract.arrays import read_only
from mbdl_repro.contract.scenario import Scenario, Split
from mbdl_repro.contract.seeding import rng_for


@dataclasses.dataclass(frozen=True, kw_only=True)
class RandomGenerator(Scenario):
    """A signal s = G(z) of few latent variables, seen through fewer equations than it has entries.

    x = H s + w,    s = G(z) = max(W_L ⋯ max(W_1 z, 0) ⋯, 0),    z ~ N(0, I)

    The weights of a layer of d entries are N(0, 2/d), so that ‖G(z)‖ is about ‖z‖; entries of H
    are N(0, 1/n_observations). Both are drawn once for each set of sizes. G is expansive where each
    layer has many more entries than the one before: theory then promises that z can be found by
    descent from n_observations of the order of n_latent on, with one twist: the objective has a
    second stationary point at −ρ z, which a check of signs leaves.

    Args:
        n_latent: k, entries of z.
        expansion: entries of a layer over those of the layer before.
        n_layers: L.
        observations_per_latent: n_observations / k, rounded.
        noise_share: ‖w‖ / ‖H s‖, as a ratio of root mean squares.

    Source: Hand and Voroninski, 2019; Bora, Jalal, Price and Dimakis, 2017.
    """

    area = "sparse_recovery"
    name = "random_generator"

    n_latent: Annotated[int, Ge(1)]
    expansion: Annotated[int, Ge(1)]
    n_layers: Annotated[int, Ge(1)] = 2
    observations_per_latent: Annotated[float, Gt(0)]
    noise_share: Annotated[float, Ge(0)] | None = 0.05

    @property
    def n_observations(self) -> int:
        """The entries of x."""
        return max(1, round(self.observations_per_latent * self.n_latent))

    @property
    def n_signal(self) -> int:
        """The entries of s."""
        return self.n_latent * self.expansion**self.n_layers

    @property
    def layers(self) -> tuple[np.ndarray, ...]:
        """The weights W_1, …, W_L (entries, entries of the layer before), read-only."""
        return _layers(self.n_latent, self.expansion, self.n_layers)

    @property
    def H(self) -> np.ndarray:
        """The observation matrix H (n_observations, n_signal), read-only."""
        return _observation_matrix(self.n_observations, self.n_signal)

    def generate(self, z: Annotated[np.ndarray, "(n, k)"]) -> Annotated[np.ndarray, "(n, m)"]:
        """Return the signals G(z) (n, m) of latent variables z (n, k)."""
        for W in self.layers:
            z = np.maximum(z @ W.T, 0)
        return z

    @property
    def noise_std(self) -> float:
        """The standard deviation of an entry of w, as E‖H s‖² = k, on average over all weights."""
        share: float = self.required("noise_share")
        return share * float(np.sqrt(self.n_latent / self.n_observations))

    def check_truth(self) -> None:
        """Check that the noise is given."""
        self.required("noise_share")

    def sample(self, n: int, rng: np.random.Generator) -> Split:
        """Draw n pairs: x (n, n_observations) and s (n, n_signal)."""
        s = self.generate(rng.standard_normal((n, self.n_latent)))
        w = self.noise_std * rng.standard_normal((n, self.n_observations))
        return Split(x=s @ self.H.T + w, s=s)


@cache
def _layers(k: int, expansion: int, n_layers: int) -> tuple[np.ndarray, ...]:
    """Draw the layers' weights: a function of their sizes alone."""
    rng = rng_for("generator", "sparse_recovery", k, expansion, n_layers)
    sizes = [k * expansion**layer for layer in range(n_layers + 1)]
    return tuple(
        read_only(rng.standard_normal((after, before)) * np.sqrt(2 / after))
        for before, after in itertools.pairwise(sizes)
    )


@cache
def _observation_matrix(n: int, m: int) -> np.ndarray:
    """Draw H (n, m): a function of its sizes alone, whose first rows fewer observations share."""
    rng = rng_for("matrix", "sparse_recovery", "gaussian", m)
    return read_only(rng.standard_normal((n, m)) / np.sqrt(n))
