"""Cadzow's iteration on the columns of a covariance, then ESPRIT."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from torch import Tensor

from mbdl_repro.areas.doa.signal.cadzow_method import CadzowMethod
from mbdl_repro.contract.method import Family


class Cadzow(CadzowMethod):
    """Y ← B(Y) Y, K times: sub-arrays of L sensors are projected on their M-dimensional subspace.

    B = W⁻¹ Σ_k J_kᵀ U Uᴴ J_k,  Y_0 = (R − σ̂² I) / (tr R / N)

    J_k takes the k-th L sensors in a row, U holds the M leading eigenvectors of all such pieces of
    Y's columns, and of their mirror images, and W counts the pieces with each sensor. It alternates
    between Hankel matrices and those of rank M. Then ESPRIT's rule is applied to U.

    Maps x (n, N, T), complex, to angles (n, M) in rad, rising.

    Source: Cadzow, 1988; here of the covariance's columns.
    """

    name = "cadzow"
    family = Family.MODEL_BASED

    def steps(self, Y: Annotated[Tensor, "(n, N, N)"]) -> Iterator[Tensor]:
        """Yield Y_0 … Y_K (n, N, N) from Y_0."""
        yield Y
        for _ in range(self.iterations):
            Y = self.projected(Y)
            yield Y
