"""FISTA: ISTA with momentum."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Annotated

import torch
from annotated_types import Ge, Gt
from torch import Tensor

from mbdl_repro.areas.sparse_recovery.scenario import SparseRecovery
from mbdl_repro.areas.sparse_recovery.updates import (
    least_squares_gradient,
    lipschitz_constant,
    momenta,
    proximal_gradient_step,
    until_gap,
)
from mbdl_repro.contract.method import Family, IterativeMethod


class Fista(IterativeMethod):
    """Accelerated proximal gradient descent on ½‖x − H s‖² + ρ‖s‖₁, from s = 0.

    s_k = T_{μρ}(z_k − μ Hᵀ(H z_k − x)),    z_{k+1} = s_k + ((t_k − 1) / t_{k+1}) (s_k − s_{k−1})

    With μ ≤ 1/L the objective is within 2L‖s*‖²/(k + 1)² of its minimum.

    Args:
        belief: knows H.
        iterations: K, largest number of steps.
        rho: ρ, weight of the ℓ₁ norm.
        step: μ; ``None``: 1/L, L the largest eigenvalue of HᵀH.
        gap_tolerance: hold a signal once its duality gap is at most this times ½‖x‖²;
            ``None``: take all K steps.

    Source: Beck and Teboulle, 2009, section 4; the monograph's Section 3 has ISTA.
    """

    name = "fista"
    family = Family.MODEL_BASED

    def __init__(
        self,
        belief: SparseRecovery,
        *,
        iterations: Annotated[int, Ge(1)],
        rho: Annotated[float, Gt(0)],
        step: Annotated[float, Gt(0)] | None = None,
        gap_tolerance: Annotated[float, Gt(0)] | None = None,
    ) -> None:
        super().__init__()
        self.H: Tensor
        self.register_buffer("H", torch.tensor(belief.H))
        self.iterations: int = iterations
        self.rho = rho
        self.step = 1 / lipschitz_constant(self.H) if step is None else step
        self.gap_tolerance = gap_tolerance

    def iterates(self, x: Tensor) -> Iterator[Tensor]:
        """Yield s_0 = 0, s_1, …, s_K (n, m); fewer where all duality gaps are small before."""
        return until_gap(self._descend(x), x, self.H, self.rho, self.gap_tolerance)

    def _descend(self, x: Tensor) -> Iterator[Tensor]:
        s = z = x.new_zeros(len(x), self.H.shape[1])
        yield s
        for momentum in islice(momenta(), self.iterations):
            previous = s
            gradient = least_squares_gradient(z, x, self.H)
            s = proximal_gradient_step(z, gradient, self.step, self.step * self.rho)
            z = s + momentum * (s - previous)
            yield s
