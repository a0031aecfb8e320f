"""Recovery of a sparse signal from fewer noisy linear measurements than it has entries."""

from __future__ import annotations

import dataclasses
from functools import cache
from typing import Annotated, Literal

import numpy as np
from annotated_types import Ge, Gt

from mbdl_repro.scenario import Scenario, Split
from mbdl_repro.seeding import rng_for

MatrixKind = Literal["orthonormal_rows", "unit_columns"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class SparseRecovery(Scenario):
    """A k-sparse signal s observed as x = H s + w.

    Exactly k entries of s, at positions drawn uniformly, are N(0, nonzero_std²), the others
    are zero; w ~ N(0, noise_std² I), so that ``noise_std`` is the standard deviation of each
    entry of x about H s. The signal-to-noise ratio this implies is one for the scenario, and
    not one for each signal: E‖H s‖² / E‖w‖² = k nonzero_std² ‖H‖_F² / (m n noise_std²), where
    ‖H‖_F² is m for unit columns and n for orthonormal rows.

    Args:
        observation_matrix: law of H (n, m): Gaussian, with rows made orthonormal (H Hᵀ = I), or
            with columns scaled to length one. H is drawn once for each law and size.
        n_observations: n, entries of x.
        n_signal: m, entries of s.
        n_nonzeros: k, entries of s that are not zero.
        nonzero_std: standard deviation of those.
        noise_std: standard deviation of each entry of w.

    Source: Examples 3.6 and 5.6, which share this prior and differ in H.
    """

    observation_matrix: MatrixKind | None
    n_observations: Annotated[int, Ge(1)]
    n_signal: Annotated[int, Ge(1)]
    n_nonzeros: Annotated[int, Ge(1)] | None
    nonzero_std: Annotated[float, Gt(0)] | None
    noise_std: Annotated[float, Ge(0)] | None

    def __post_init__(self) -> None:
        n, m, k = self.n_observations, self.n_signal, self.n_nonzeros
        if k is not None and k > m:
            raise ValueError(f"n_nonzeros is {k}, more than n_signal, which is {m}")
        if self.observation_matrix == "orthonormal_rows" and n > m:
            raise ValueError(
                f"n_observations is {n}, more than n_signal, which is {m}: "
                "so many rows cannot be orthonormal"
            )

    @property
    def H(self) -> np.ndarray:
        """The observation matrix H (n, m), read-only."""
        if self.observation_matrix is None:
            raise ValueError("H is asked for, and observation_matrix is withheld (null)")
        return _observation_matrix(self.observation_matrix, self.n_observations, self.n_signal)

    def supports(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Draw where n signals are not zero, as booleans (n, m)."""
        if self.n_nonzeros is None:
            raise ValueError("supports are asked for, and n_nonzeros is withheld (null)")
        smallest = np.argpartition(rng.random((n, self.n_signal)), self.n_nonzeros - 1, axis=1)
        support = np.zeros((n, self.n_signal), dtype=bool)
        np.put_along_axis(support, smallest[:, : self.n_nonzeros], True, axis=1)
        return support

    def sample(self, n: int, rng: np.random.Generator) -> Split:
        """Draw n pairs: x (n, n_observations) and s (n, n_signal)."""
        if self.nonzero_std is None or self.noise_std is None:
            raise ValueError("data are asked for, and nonzero_std or noise_std is withheld (null)")
        support = self.supports(n, rng)
        s = np.where(support, self.nonzero_std * rng.standard_normal(support.shape), 0.0)
        w = self.noise_std * rng.standard_normal((n, self.n_observations))
        return Split(x=s @ self.H.T + w, s=s)


@cache
def _observation_matrix(kind: MatrixKind, n: int, m: int) -> np.ndarray:
    """Draw H (n, m): a function of its law and sizes, and of nothing else."""
    gaussian = rng_for("matrix", "sparse_recovery", kind, n, m).standard_normal((n, m))
    if kind == "unit_columns":
        H = gaussian / np.linalg.norm(gaussian, axis=0)
    else:
        # With a positive diagonal of R the factorization is unique, whatever LAPACK chooses,
        # and Q is uniform over the matrices with orthonormal columns.
        Q, R = np.linalg.qr(gaussian.T)
        H = (Q * np.sign(np.diag(R))).T
    H.setflags(write=False)
    return H
