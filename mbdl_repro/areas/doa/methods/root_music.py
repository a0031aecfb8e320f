"""Root-MUSIC: MUSIC's null spectrum as a polynomial, and its roots."""

from __future__ import annotations

from typing import Annotated

from torch import Tensor

from mbdl_repro.areas.doa.signal.covariance_method import CovarianceMethod
from mbdl_repro.areas.doa.signal.subspace import (
    angles_of,
    determined_subspace,
    noise_polynomial,
    roots_inside,
    roots_of_sources,
    shown_roots,
)
from mbdl_repro.contract.method import Family


class RootMusic(CovarianceMethod):
    """Angles of the M roots nearest to the unit circle, of those inside, of a(1/z*)ᴴ U_n U_nᴴ a(z).

    U_n holds the eigenvectors of the covariance's L − M smallest eigenvalues; where rounding alone
    tells these from the others, the answer is NaN. A root z = r exp(−j 2π d sin θ) says θ.

    Maps x (n, N, T), complex, to angles (n, M) in rad, rising.

    Source: Example 3.9; Barabell, 1983.
    """

    name = "root_music"
    family = Family.MODEL_BASED

    def angles(
        self, R: Annotated[Tensor, "(n, L, L)"], n_sources: int
    ) -> Annotated[Tensor, "(n, M)"]:
        """Return the angles (n, M) of covariances (n, L, L)."""
        c = noise_polynomial(determined_subspace(R, n_sources))
        return angles_of(roots_of_sources(c, n_sources), self.spacing)

    def illustrations(self, x: Annotated[Tensor, "(n, N, T)"]) -> dict[str, Tensor]:
        """Return the eigenvalues, and the L − 1 roots inside, those nearest to the circle first."""
        roots = self.of_each(x, self._roots)
        return super().illustrations(x) | shown_roots(roots, self.spacing)

    def _roots(self, R: Tensor, n_sources: int) -> Tensor:
        return roots_inside(noise_polynomial(determined_subspace(R, n_sources)))
