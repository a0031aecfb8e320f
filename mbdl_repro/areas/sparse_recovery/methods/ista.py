"""ISTA: the iterative soft thresholding algorithm."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from torch import Tensor

from mbdl_repro.areas.sparse_recovery.bases import ProximalGradient
from mbdl_repro.areas.sparse_recovery.updates.gradient_steps import (
    least_squares_gradient,
    proximal_gradient_step,
)
from mbdl_repro.contract.method import Family


class Ista(ProximalGradient):
    """Proximal gradient descent on the LASSO objective ½‖x − H s‖² + ρ‖s‖₁, from s = 0.

    s_{k+1} = T_{μρ}(s_k − μ Hᵀ(H s_k − x))

    With μ ≤ 1/L the objective is within L‖s*‖²/(2k) of its minimum.

    Maps x (n, n_observations) to ŝ (n, m).

    Source: Example 3.6; Daubechies, Defrise and De Mol, 2004.
    """

    name = "ista"
    family = Family.MODEL_BASED

    def descend(self, x: Tensor) -> Iterator[Annotated[Tensor, "(n, m)"]]:
        """Yield s_0 = 0, s_1, …, s_K (n, m)."""
        s = x.new_zeros(len(x), self.H.shape[1])
        yield s
        for _ in range(self.iterations):
            gradient = least_squares_gradient(s, x, self.H)
            s = proximal_gradient_step(s, gradient, self.step, self.step * self.rho)
            yield s
