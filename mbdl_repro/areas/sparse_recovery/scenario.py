"""Recovery of a sparse signal from fewer noisy linear measurements than it has entries."""

from __future__ import annotations

import dataclasses
from functools import cache
from typing import Annotated, Literal

import numpy as np
from annotated_types import Ge, Gt, Le

from mbdl_repro.contract.arrays import Matrix, given_matrix, read_only
from mbdl_repro.contract.scenario import Scenario, Split
from mbdl_repro.contract.seeding import rng_for

MatrixKind = Literal["orthonormal_rows", "unit_columns"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class SparseRecovery(Scenario):
    """A sparse signal s observed as x = H s + w.

    Either exactly k entries of s, at positions drawn uniformly, are not zero, or each entry is
    so with probability p, independently (Bernoulli-Gaussian); those that are not zero are
    N(0, nonzero_std²). The noise is w ~ N(0, σ² I).

    The signal-to-noise ratio is one number for the scenario, and not one for each signal: the
    ratio of mean energies SNR = E‖H s‖² / E‖w‖², which is E‖s‖² ‖H‖_F² / (m n σ²), where
    E‖s‖² = k nonzero_std² (k = p m on average), and ‖H‖_F² is m for unit columns and n for
    orthonormal rows. Elsewhere in the literature the noise is scaled to each signal.

    Args:
        observation_matrix: H itself (n, m), an array or lists of its rows; or the law that it is
            drawn from, once for each law and size: Gaussian, with rows made orthonormal
            (H Hᵀ = I), or with columns scaled to length one.
        n_observations: n, entries of x.
        n_signal: m, entries of s.
        n_nonzeros: k, entries of s that are not zero; this or ``nonzero_probability``.
        nonzero_probability: p, probability of each entry of s not to be zero.
        nonzero_std: standard deviation of those.
        noise_std: σ, standard deviation of each entry of w; this or ``snr_db``.
        snr_db: 10 log₁₀ SNR, in dB, which implies σ.
        matrix_perturbation: ε, where H is drawn; before rows or columns are normalized, the
            Gaussian matrix that H is made of has ε times another one added to it. A designer who
            believes ε = 0 has columns of H that are off by about ε, relative to their length.

    Source: Examples 3.6 and 5.6, which share the first prior and differ in H; the second, with
    250 × 500 and p = 0.1, is that of Chen, Liu, Wang and Yin, 2018.
    """

    area = "sparse_recovery"
    name = "sparse_recovery"

    observation_matrix: MatrixKind | Matrix | None
    n_observations: Annotated[int, Ge(1)]
    n_signal: Annotated[int, Ge(1)]
    n_nonzeros: Annotated[int, Ge(1)] | None = None
    nonzero_probability: Annotated[float, Gt(0), Le(1)] | None = None
    nonzero_std: Annotated[float, Gt(0)] | None
    noise_std: Annotated[float, Ge(0)] | None = None
    snr_db: float | None = None
    matrix_perturbation: Annotated[float, Ge(0)] = 0.0

    def __post_init__(self) -> None:
        n, m, k = self.n_observations, self.n_signal, self.n_nonzeros
        if k is not None and k > m:
            raise ValueError(f"n_nonzeros is {k}: allowed is 1 to n_signal, which is {m}")
        for one, other in (("n_nonzeros", "nonzero_probability"), ("noise_std", "snr_db")):
            if getattr(self, one) is not None and getattr(self, other) is not None:
                raise ValueError(f"{one} and {other} are both given, and each implies the other")
        if self.observation_matrix == "orthonormal_rows" and n > m:
            raise ValueError(
                f"n_observations is {n}, more than n_signal, which is {m}: "
                "so many rows cannot be orthonormal"
            )
        if isinstance(self.observation_matrix, tuple):
            given_matrix("observation_matrix", self.observation_matrix, (n, m))
            if self.matrix_perturbation:
                raise ValueError(
                    f"matrix_perturbation is {self.matrix_perturbation}, and H is given: perturb "
                    "the one that is given, and leave matrix_perturbation out"
                )

    @property
    def H(self) -> np.ndarray:
        """The observation matrix H (n, m), read-only."""
        n, m = self.n_observations, self.n_signal
        return _observation_matrix(self._matrix, n, m, self.matrix_perturbation)

    @property
    def _matrix(self) -> MatrixKind | Matrix:
        if self.observation_matrix is None:
            raise ValueError("H is asked for, and observation_matrix is withheld (null)")
        return self.observation_matrix

    @property
    def has_unit_columns(self) -> bool:
        """Whether the columns of H have length one."""
        return bool(np.allclose(np.linalg.norm(self.H, axis=0), 1))

    @property
    def sparsity(self) -> float:
        """The mean share p of entries of s that are not zero."""
        if self.nonzero_probability is not None:
            return self.nonzero_probability
        if self.n_nonzeros is not None:
            return self.n_nonzeros / self.n_signal
        raise ValueError(
            "the sparsity is asked for, and n_nonzeros, or nonzero_probability, is withheld (null)"
        )

    @property
    def mean_energy(self) -> float:
        """The mean energy E‖s‖² = p m nonzero_std²."""
        if self.nonzero_std is None:
            raise ValueError("the energy is asked for, and nonzero_std is withheld (null)")
        return self.sparsity * self.n_signal * self.nonzero_std**2

    @property
    def sigma(self) -> float:
        """The standard deviation σ of each entry of w."""
        self._check_noise()
        if self.noise_std is not None:
            return self.noise_std
        assert self.snr_db is not None
        mean_gain = np.square(self.H).sum() / (self.n_signal * self.n_observations)
        return float(np.sqrt(self.mean_energy * mean_gain / 10 ** (self.snr_db / 10)))

    def _check_noise(self) -> None:
        if self.noise_std is None and self.snr_db is None:
            raise ValueError("the noise is asked for, and noise_std, or snr_db, is withheld (null)")

    def supports(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Draw where n signals are not zero, as booleans (n, m).

        Args:
            n: number of signals.
            rng: generator of the positions.
        """
        uniform = rng.random((n, self.n_signal))
        if self.n_nonzeros is None:
            return uniform < self.sparsity
        smallest = np.argpartition(uniform, self.n_nonzeros - 1, axis=1)
        support = np.zeros((n, self.n_signal), dtype=bool)
        np.put_along_axis(support, smallest[:, : self.n_nonzeros], True, axis=1)
        return support

    def check_truth(self) -> None:
        """Check that the laws of the signal, of H, and of the noise are given.

        Raises:
            ValueError: naming the field that is withheld, and what needs it.
        """
        if self.nonzero_std is None:
            raise ValueError("data are asked for, and nonzero_std is withheld (null)")
        for _ in (self.sparsity, self._matrix):
            pass
        self._check_noise()

    def sample(self, n: int, rng: np.random.Generator) -> Split:
        """Draw n pairs: x (n, n_observations) and s (n, n_signal)."""
        self.check_truth()
        assert self.nonzero_std is not None
        support = self.supports(n, rng)
        s = np.where(support, self.nonzero_std * rng.standard_normal(support.shape), 0.0)
        w = self.sigma * rng.standard_normal((n, self.n_observations))
        return Split(x=s @ self.H.T + w, s=s)


@cache
def _observation_matrix(
    kind: MatrixKind | Matrix, n: int, m: int, perturbation: float
) -> np.ndarray:
    """Return H (n, m) as it is given, or draw it: a function of its law and sizes alone."""
    if isinstance(kind, tuple):
        return given_matrix("observation_matrix", kind, (n, m))
    gaussian = rng_for("matrix", "sparse_recovery", kind, n, m).standard_normal((n, m))
    if perturbation:
        stream = rng_for("matrix", "sparse_recovery", kind, n, m, "perturbation")
        gaussian = gaussian + perturbation * stream.standard_normal((n, m))
    if kind == "unit_columns":
        H = gaussian / np.linalg.norm(gaussian, axis=0)
    else:
        # With a positive diagonal of R the factorization is unique, whatever LAPACK chooses,
        # and Q is uniform over the matrices with orthonormal columns.
        Q, R = np.linalg.qr(gaussian.T)
        H = (Q * np.sign(np.diag(R))).T
    return read_only(H)
