"""What methods share that alternate between what snapshots and what angles say of moments."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator
from typing import Annotated

import torch
from annotated_types import Ge
from torch import Tensor

from mbdl_repro.areas.doa.array import SensorArray
from mbdl_repro.areas.doa.signal.covariance import hermitian_toeplitz
from mbdl_repro.areas.doa.signal.covariance_iteration import CovarianceIteration
from mbdl_repro.areas.doa.signal.spectrum import diagonal_means
from mbdl_repro.areas.doa.signal.subspace import angles_of, esprit_roots, signal_subspace


class ProjectionMethod(CovarianceIteration):
    """K alternating projections of the moments c, on data and on prior knowledge; ESPRIT of T(c).

    c_k = Σ_m exp(j 2π d k sin θ_m), k = 0 … N − 1, c_0 = M, and T(c)_ij = c_{j−i} is A Aᴴ of an
    array without errors. What the snapshots say depends on what is believed of the sources:

    - coherent ones with equal phases make the leading eigenvector of R proportional to c*, which
      says c, whatever c was before;
    - others make its M leading eigenvectors span A. Then c becomes the diagonal means of Π T(c) Π,
      Π their projector, from those of R on.

    Args:
        belief: gives M, N, the spacing, and how sources are correlated, and arrive.
    """

    def __init__(self, belief: SensorArray, *, iterations: Annotated[int, Ge(1)] = 1) -> None:
        super().__init__(belief, iterations=iterations)
        self.coherent = belief.correlation == 1
        if self.coherent and belief.path_phases != "equal":
            raise ValueError(
                f"correlation is 1, and path_phases are {belief.path_phases}: {self.name} asks for "
                "equal ones, without which the snapshots do not say the moments"
            )

    @abstractmethod
    def known(self, c: Annotated[Tensor, "(n, N)"]) -> Annotated[Tensor, "(n, N)"]:
        """Return what moments are like (n, N), near c (n, N)."""

    def angles_by_step(
        self, R: Annotated[Tensor, "(n, N, N)"]
    ) -> Iterator[Annotated[Tensor, "(n, M)"]]:
        """Yield the angles (n, M) of what R (n, N, N) says, then of each iteration."""
        c, said = self.start(R)
        yield self.angles(c)
        for _ in range(self.iterations):
            c = self.known(said(c))
            yield self.angles(c)

    def start(self, R: Annotated[Tensor, "(n, N, N)"]) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
        """Return moments c (n, N), and the step from moments to what snapshots say of them.

        Args:
            R: covariances (n, N, N) of the snapshots.
        """
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
