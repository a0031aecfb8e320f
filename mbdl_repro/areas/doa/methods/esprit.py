"""ESPRIT: the rotation between two shifted parts of the array."""

from __future__ import annotations

from typing import Annotated

from torch import Tensor

from mbdl_repro.areas.doa.signal.covariance_method import CovarianceMethod
from mbdl_repro.areas.doa.signal.subspace import (
    angles_of,
    determined_subspace,
    esprit_roots,
    shown_roots,
)
from mbdl_repro.contract.method import Family


class Esprit(CovarianceMethod):
    """Angles of the eigenvalues z = r exp(−j 2π d sin θ) of Φ, with U_s↓ = U_s↑ Φ.

    U_s↑ and U_s↓ are the eigenvectors of the covariance's M largest eigenvalues, without their
    last and without their first entry; Φ is that of least squares. Where rounding alone tells
    these eigenvalues from the others, the answer is NaN.

    Maps x (n, N, T), complex, to angles (n, M) in rad, rising.

    Source: Roy and Kailath, 1989.
    """

    name = "esprit"
    family = Family.MODEL_BASED

    def angles(
        self, R: Annotated[Tensor, "(n, L, L)"], n_sources: int
    ) -> Annotated[Tensor, "(n, M)"]:
        """Return the angles (n, M) of covariances (n, L, L)."""
        return angles_of(self._roots(R, n_sources), self.spacing)

    def illustrations(self, x: Annotated[Tensor, "(n, N, T)"]) -> dict[str, Tensor]:
        """Return the eigenvalues of the covariance, and those of Φ, (n, M): the roots."""
        roots = self.of_each(x, self._roots)
        return super().illustrations(x) | shown_roots(roots, self.spacing)

    def _roots(self, R: Tensor, n_sources: int) -> Tensor:
        return esprit_roots(determined_subspace(R, n_sources))
