"""ESPRIT: the rotation between two shifted parts of the array."""

from __future__ import annotations

from typing import Annotated

from torch import Tensor

from mbdl_repro.areas.doa.signal.covariance_method import EspritMethod
from mbdl_repro.contract.method import Family


class Esprit(EspritMethod):
    """Angles of the eigenvalues z = r exp(−j 2π d sin θ) of Φ, with U_s↓ = U_s↑ Φ.

    U_s↑ and U_s↓ are the eigenvectors of the covariance's M largest eigenvalues, without their
    last and without their first entry; Φ is that of least squares. Where rounding alone tells
    these eigenvalues from the others, the answer is NaN.

    Maps x (n, N, T), complex, to angles (n, M) in rad, rising.

    Source: Roy and Kailath, 1989.
    """

    name = "esprit"
    family = Family.MODEL_BASED

    def covariance(self, x: Annotated[Tensor, "(n, N, T)"]) -> Annotated[Tensor, "(n, L, L)"]:
        """Return the covariance (n, L, L) of snapshots (n, N, T), smoothed as it is said."""
        return super().covariance(x)
