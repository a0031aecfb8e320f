"""ESPRIT of the covariance's first column, made a Toeplitz matrix."""

from __future__ import annotations

from typing import Annotated, Literal

from torch import Tensor

from mbdl_repro.areas.doa.array import SensorArray
from mbdl_repro.areas.doa.signal.covariance import hermitian_toeplitz
from mbdl_repro.areas.doa.signal.covariance_method import EspritMethod
from mbdl_repro.contract.method import Family


class FirstColumnEsprit(EspritMethod):
    """ESPRIT of T(c), the Hermitian Toeplitz matrix with the first column c of the covariance.

    c_k = R_k0,  T_ij = c_{i−j} for i ≥ j, and its conjugate above the diagonal

    Coherent sources that arrive with equal phases and powers make c a multiple of Σ_m a(θ_m) (and
    c_0 that and the noise's variance): then T(c) is A Aᴴ of all sensors, up to a factor and to
    noise, as if sources were not coherent, and nothing is lost to sub-arrays. Of sources that
    arrive with other phases it is not, and the angles are wrong even without noise.

    Args:
        belief: gives N and the spacing, and M where the number is given.
        count: the number of sources is ``given``, or that of least ``aic`` or ``mdl`` of T(c).

    Maps x (n, N, T), complex, to angles (n, M) in rad, rising.

    Source: after Han and Zhang, 2005, who take a middle row, and no conjugates.
    """

    name = "first_column_esprit"
    family = Family.MODEL_BASED

    def __init__(
        self, belief: SensorArray, *, count: Literal["given", "aic", "mdl"] = "given"
    ) -> None:
        super().__init__(belief, count=count)

    def covariance(self, x: Annotated[Tensor, "(n, N, T)"]) -> Annotated[Tensor, "(n, N, N)"]:
        """Return T(c) (n, N, N) of snapshots (n, N, T)."""
        return hermitian_toeplitz(super().covariance(x)[..., 0].conj().resolve_conj())
