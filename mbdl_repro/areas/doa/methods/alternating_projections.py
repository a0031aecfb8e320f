"""Alternating projections between Toeplitz matrices and the signal subspace, then ESPRIT."""

from __future__ import annotations

from typing import Annotated

from torch import Tensor

from mbdl_repro.areas.doa.signal.projection_method import ProjectionMethod
from mbdl_repro.contract.method import Family


class AlternatingProjections(ProjectionMethod):
    """ESPRIT of the Toeplitz matrix T(c) that alternating projections fit to the signal subspace.

    c ← diagonal means of Π T(c) Π, over c_0/M, K times, with Π the projector on the M leading
    eigenvectors of R. Of coherent sources with equal phases, c* is the leading eigenvector itself,
    over its first entry and M, and nothing is left to be alternated.

    Maps x (n, N, T), complex, to angles (n, M) in rad, rising.

    Source: textbook (alternating projections); the coherent case after Han and Zhang, 2005.
    """

    name = "alternating_projections"
    family = Family.MODEL_BASED

    def known(self, c: Annotated[Tensor, "(n, N)"]) -> Annotated[Tensor, "(n, N)"]:
        """Return c (n, N): of moments nothing is known but that they make a Toeplitz matrix."""
        return c
