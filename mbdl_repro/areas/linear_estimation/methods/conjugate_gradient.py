"""Conjugate gradients towards the posterior mean."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from torch import Tensor

from mbdl_repro.areas.linear_estimation.bases import KnownObjective
from mbdl_repro.areas.linear_estimation.updates import conjugate_gradient_iterates
from mbdl_repro.contract.method import Family


class ConjugateGradient(KnownObjective):
    """K steps of conjugate gradients on the equations of the posterior mean.

    Q s = Hᵀx/σ²,  Q = HᵀH/σ² + C_s⁻¹,  from s = 0

    Of all polynomials in Q of degree K − 1, times Hᵀx, it finds for each x the one that is
    nearest to the posterior mean: in the norm sᵀQ s, and not in that of the error.

    Maps x (n, n_observations) to ŝ (n, n_signal).

    Source: Hestenes and Stiefel, 1952.
    """

    name = "conjugate_gradient"
    family = Family.MODEL_BASED

    def iterates(
        self, x: Annotated[Tensor, "(n, n_observations)"]
    ) -> Iterator[Annotated[Tensor, "(n, n_signal)"]]:
        """Yield s_0 = 0, s_1, …, s_K (n, n_signal)."""
        return conjugate_gradient_iterates(self.pulled(x), self.Q, self.iterations)
