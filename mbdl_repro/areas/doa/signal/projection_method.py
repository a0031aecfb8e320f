"""What methods share that alternate between what snapshots and what angles say of moments."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Iterator
from typing import Annotated

import torch
from annotated_types import Ge
from torch import Tensor

from mbdl_repro.areas.doa.array import SensorArray
from mbdl_repro.areas.doa.signal.covariance import heard, hermitian_toeplitz
from mbdl_repro.areas.doa.signal.features import scaled_covariance
from mbdl_repro.areas.doa.signal.spectrum import diagonal_means
from mbdl_repro.areas.doa.signal.subspace import angles_of, esprit_roots, signal_subspace
from mbdl_repro.contract.method import IterativeMethod


class ProjectionMethod(IterativeMethod):
    """c ← what the snapshots say, c ← what is known of moments, K times; then ESPRIT of T(c).

    c_k = Σ_m exp(j 2π d k sin θ_m), k = 0 … N − 1, c_0 = M, and T(c)_ij = c_{j−i} is A Aᴴ of an
    array without errors. What the snapshots say depends on what is believed of the sources:

    - coherent ones with equal phases make the leading eigenvector of R proportional to c*, which
      says c, whatever c was before;
    - others make its M leading eigenvectors span A. Then c becomes the diagonal means of Π T(c) Π,
      Π their projector, from those of R on.

    A row of snapshots that are all zero, or not all finite, has no angles: NaN.

    Args:
        belief: gives M, N, the spacing, and how sources are correlated, and arrive.
        iterations: K.
    """

    iterations: int

    def __init__(self, belief: SensorArray, *, iterations: Annotated[int, Ge(1)] = 1) -> None:
        super().__init__()
        self.n_sensors = belief.n_sensors
        self.n_sources: int = belief.required("n_sources")
        self.spacing = belief.uniform_spacing(self.name)
        self.iterations = iterations
        self.coherent = belief.correlation == 1
        if self.coherent and belief.path_phases != "equal":
            raise ValueError(
                f"correlation is 1, and path_phases are {belief.path_phases}: {self.name} asks for "
                "equal ones, without which the snapshots do not say the moments"
            )

    @abstractmethod
    def known(self, c: Annotated[Tensor, "(n, N)"]) -> Annotated[Tensor, "(n, N)"]:
        """Return what moments are like (n, N), near c (n, N)."""

    def iterates(self, x: Annotated[Tensor, "(n, N, T)"]) -> Iterator[Annotated[Tensor, "(n, M)"]]:
        """Yield the angles (n, M) in rad, rising: of what snapshots say, then of each iteration.

        Args:
            x: snapshots (n, N, T), complex.
        """
        x, rows = heard(x)
        c, said = self.start(x)
        yield torch.where(rows[:, None], self.angles(c), math.nan)
        for _ in range(self.iterations):
            c = self.known(said(c))
            yield torch.where(rows[:, None], self.angles(c), math.nan)

    def start(self, x: Annotated[Tensor, "(n, N, T)"]) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
        """Return moments c (n, N), and the step from moments to what snapshots say of them.

        Args:
            x: snapshots (n, N, T), complex.
        """
        R = scaled_covariance(x, self.n_sensors)
        if self.coherent:
            b = signal_subspace(R, 1)[..., 0].conj()
            c = self._scaled(b)
            return c, lambda _: c
        Us = signal_subspace(R, self.n_sources)
        P = Us @ Us.mH

        def said(c: Tensor) -> Tensor:
            return self._scaled(diagonal_means(P @ hermitian_toeplitz(c) @ P))

        return said(self._scaled(diagonal_means(R))), said

    def _scaled(self, c: Tensor) -> Tensor:
        """Return moments with c_0 = M."""
        first = c[..., :1]
        sound = first.abs() > SMALLEST
        return torch.where(sound, self.n_sources * c / torch.where(sound, first, 1), c)

    def angles(self, c: Annotated[Tensor, "(n, N)"]) -> Annotated[Tensor, "(n, M)"]:
        """Return the angles (n, M) in rad, rising, of moments (n, N)."""
        Us = signal_subspace(hermitian_toeplitz(c), self.n_sources)
        return angles_of(esprit_roots(Us), self.spacing)


SMALLEST = 1e-12
"""Modulus of c_0 below which moments are not scaled."""
