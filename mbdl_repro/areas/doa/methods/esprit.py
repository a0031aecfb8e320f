"""ESPRIT: the rotation between two shifted parts of the array."""

from __future__ import annotations

from typing import Annotated, Literal

from annotated_types import Ge
from torch import Tensor

from mbdl_repro.areas.doa.array import SensorArray
from mbdl_repro.areas.doa.signal.covariance_method import CovarianceMethod
from mbdl_repro.areas.doa.signal.subspace import (
    angles_of,
    esprit_roots,
    shown_roots,
    signal_subspace,
)
from mbdl_repro.contract.method import Family


class Esprit(CovarianceMethod):
    """Angles of the eigenvalues z = r exp(−j 2π d sin θ) of Φ, with U_s↓ = U_s↑ Φ.

    U_s↑ and U_s↓ are the eigenvectors of the covariance's M largest eigenvalues, without their
    last and without their first entry; Φ is that of least squares.

    Args:
        belief: gives N and the spacing, and M where the number is given.
        smoothing: sub-arrays whose covariances are averaged: ``none``, ``forward``, or
            ``forward_backward``: and mirrored.
        subarray: L, sensors of a sub-array; ``None``: N/2 + 1, or M + 1 if that is more.
        count: the number of sources is ``given``, or that of least ``aic`` or ``mdl``.

    Source: Roy and Kailath, 1989.
    """

    name = "esprit"
    family = Family.MODEL_BASED

    def __init__(
        self,
        belief: SensorArray,
        *,
        smoothing: Literal["none", "forward", "forward_backward"] = "none",
        subarray: Annotated[int, Ge(2)] | None = None,
        count: Literal["given", "aic", "mdl"] = "given",
    ) -> None:
        super().__init__(belief, smoothing, subarray, count)

    def angles(self, R: Tensor, n_sources: int) -> Tensor:
        """Return the angles (n, M) of covariances (n, L, L)."""
        return angles_of(esprit_roots(signal_subspace(R, n_sources)), self.spacing)

    def illustrations(self, x: Tensor) -> dict[str, Tensor]:
        """Return the eigenvalues of the covariance, and those of Φ, (n, M): the roots."""
        roots = self.of_each(x, self._roots)
        return super().illustrations(x) | shown_roots(roots, self.spacing)

    def _roots(self, R: Tensor, n_sources: int) -> Tensor:
        return esprit_roots(signal_subspace(R, n_sources))
