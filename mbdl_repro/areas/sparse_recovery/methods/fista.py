"""FISTA: ISTA with momentum."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Annotated

from torch import Tensor

from mbdl_repro.areas.sparse_recovery.bases import ProximalGradient
from mbdl_repro.areas.sparse_recovery.updates.gradient_steps import (
    least_squares_gradient,
    momenta,
    proximal_gradient_step,
)
from mbdl_repro.contract.method import Family


class Fista(ProximalGradient):
    """Accelerated proximal gradient descent on ½‖x − H s‖² + ρ‖s‖₁, from s = 0.

    s_k = T_{μρ}(z_k − μ Hᵀ(H z_k − x)),    z_{k+1} = s_k + ((t_k − 1) / t_{k+1}) (s_k − s_{k−1})

    With μ ≤ 1/L the objective is within 2L‖s*‖²/(k + 1)² of its minimum.

    Maps x (n, n_observations) to ŝ (n, m).

    Source: Beck and Teboulle, 2009, section 4; the monograph's Section 3 has ISTA.
    """

    name = "fista"
    family = Family.MODEL_BASED

    def descend(self, x: Tensor) -> Iterator[Annotated[Tensor, "(n, m)"]]:
        """Yield s_0 = 0, s_1, …, s_K (n, m)."""
        s = z = x.new_zeros(len(x), self.H.shape[1])
        yield s
        for momentum in islice(momenta(), self.iterations):
            previous = s
            gradient = least_squares_gradient(z, x, self.H)
            s = proximal_gradient_step(z, gradient, self.step, self.step * self.rho)
            z = s + momentum * (s - previous)
            yield s
