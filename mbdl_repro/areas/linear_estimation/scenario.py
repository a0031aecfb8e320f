"""Linear estimation of Gaussian signals, the running example that opens the book's Section 5.1."""

from __future__ import annotations

import dataclasses
from functools import cached_property
from typing import Annotated, ClassVar, Literal

import numpy as np
from annotated_types import Ge, Gt

from mbdl_repro.contract.arrays import (
    Matrix,
    given_covariance,
    given_matrix,
    read_only,
)
from mbdl_repro.contract.covariance import covariance_root
from mbdl_repro.contract.scenario import Scenario, Split
from mbdl_repro.contract.seeding import rng_for

PUBLISHED_SHAPE = (30, 30)
PUBLISHED_SEED = 12


@dataclasses.dataclass(frozen=True, kw_only=True)
class LinearGaussian(Scenario):
    """A Gaussian signal seen through a known or unknown matrix, in white Gaussian noise.

    x = H s + w,  s ~ N(0, C_s),  w ~ N(0, σ² I)

    Every signal may have a noise level of its own, σ c^u with u uniform on [-1, 1]; σ is then
    the median.

    Args:
        n_signal: entries of the signal s.
        n_observations: entries of the observation x.
        noise_std: standard deviation σ of each entry of w, in units of x.
        observation_matrix: H, the same at every noise level: an array
            (n_observations, n_signal), or lists of its rows. ``published``: the draw of the
            book's notebook, of shape 30 × 30; ``gaussian``: drawn once, entries N(0, 1).
        signal_covariance: C_s, an array (n_signal, n_signal), or lists of its rows.
            ``exponential``: entries 0.2·exp(-|i - j|); ``identity``: I.
        matrix_perturbation: ε, where H is not given; it is (H + ε E) / √(1 + ε²) in place of H,
            with a Gaussian E of entries N(0, 1) that is drawn once. A designer who believes ε
            where the truth has 0 has an H that is off by about ε, relative to its size.
        noise_spread: c, the ratio of the largest noise level to its median.

    Source: Section 5.1 (the example that compares generative with discriminative learning).
    """

    area = "linear_estimation"
    name = "linear_gaussian"
    chunk_size: ClassVar[int] = 50  # many small training sets: 256 rows would mostly be waste

    n_signal: Annotated[int, Gt(0)] = 30
    n_observations: Annotated[int, Gt(0)] = 30
    noise_std: Annotated[float, Gt(0)] | None = 0.3
    observation_matrix: Literal["published", "gaussian"] | Matrix | None = "published"
    signal_covariance: Literal["exponential", "identity"] | Matrix | None = "exponential"
    matrix_perturbation: Annotated[float, Ge(0)] = 0.0
    noise_spread: Annotated[float, Ge(1)] = 1.0

    def __post_init__(self) -> None:
        """Refuse arrays that are not what they are given for."""
        shape = (self.n_observations, self.n_signal)
        if self.observation_matrix == "published" and shape != PUBLISHED_SHAPE:
            raise ValueError(
                f"observation_matrix 'published' is 30 × 30, but n_observations × n_signal is "
                f"{shape[0]} × {shape[1]}: use 'gaussian'"
            )
        if isinstance(self.observation_matrix, tuple):
            given_matrix("observation_matrix", self.observation_matrix, shape)
            if self.matrix_perturbation:
                raise ValueError(
                    f"matrix_perturbation is {self.matrix_perturbation}, and H is given: perturb "
                    "the one that is given, and leave matrix_perturbation out"
                )
        if isinstance(self.signal_covariance, tuple):
            given_covariance("signal_covariance", self.signal_covariance, self.n_signal)

    @cached_property
    def matrix(self) -> np.ndarray:
        """H, the observation matrix, (n_observations, n_signal)."""
        kind = self.required("observation_matrix")
        shape = (self.n_observations, self.n_signal)
        if isinstance(kind, tuple):
            return given_matrix("observation_matrix", kind, shape)
        if kind == "published":
            H = np.random.RandomState(PUBLISHED_SEED).standard_normal(shape)
        else:
            H = rng_for("linear_estimation", "matrix", *shape).standard_normal(shape)
        if self.matrix_perturbation:
            rng = rng_for("linear_estimation", "matrix", *shape, "perturbation")
            E = rng.standard_normal(shape)
            H = (H + self.matrix_perturbation * E) / np.sqrt(1 + self.matrix_perturbation**2)
        return read_only(H)

    @cached_property
    def covariance(self) -> np.ndarray:
        """C_s, the covariance of the signal, (n_signal, n_signal)."""
        kind = self.required("signal_covariance")
        if isinstance(kind, tuple):
            return given_covariance("signal_covariance", kind, self.n_signal)
        if kind == "identity":
            return read_only(np.eye(self.n_signal))
        i = np.arange(self.n_signal)
        return read_only(0.2 * np.exp(-np.abs(i[:, None] - i)))

    @property
    def noise_variance(self) -> float:
        """σ², the variance of each entry of the noise."""
        return self.required("noise_std") ** 2

    @cached_property
    def _covariance_root(self) -> np.ndarray:
        if isinstance(self.signal_covariance, tuple):  # which may be singular
            return covariance_root(self.covariance)
        return np.linalg.cholesky(self.covariance)

    def check_truth(self) -> None:
        """Check that C_s, σ and H are given.

        Raises:
            ValueError: naming the one that is withheld.
        """
        for field in ("signal_covariance", "noise_std", "observation_matrix"):
            self.required(field)

    def sample(self, n: int, rng: np.random.Generator) -> Split:
        """Draw ``n`` pairs: x (n, n_observations) and s (n, n_signal)."""
        s = rng.standard_normal((n, self.n_signal)) @ self._covariance_root.T
        w = self.required("noise_std") * rng.standard_normal((n, self.n_observations))
        if self.noise_spread > 1:
            w *= self.noise_spread ** rng.uniform(-1, 1, (n, 1))
        return Split(s @ self.matrix.T + w, s)
