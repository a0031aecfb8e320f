"""Images that few coefficients of a transform make up: FISTA, as a pure function."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from torch import Tensor

from mbdl_repro.areas.image_restoration.physics.operators import Operator
from mbdl_repro.areas.image_restoration.solvers.updates import Denoise, gradient_step
from mbdl_repro.areas.sparse_recovery.updates import momenta


def fista_iterates(
    s: Tensor, x: Tensor, H: Operator, step: float, stages: Iterable[Denoise]
) -> Iterator[Tensor]:
    """Yield s_0 = s, s_1, … of accelerated proximal gradient descent on ½‖x − H s‖² + φ(s).

    s_k = D(z_k − μ Hᵀ(H z_k − x)),    z_{k+1} = s_k + ((t_k − 1) / t_{k+1}) (s_k − s_{k−1})

    With D the proximal map of μφ and μ ≤ 1/L the objective is within 2‖s_0 − s*‖²/(μ(k + 1)²) of
    its minimum. Of φ(s) = ρ‖W s‖₁, W orthonormal, D shrinks coefficients: Wᵀ T_{μρ}(W ·).

    Args:
        s: the first image (n, height, width).
        x: observations (n, …), as H makes them.
        H: the operator.
        step: μ.
        stages: D of each iteration.

    Source: Beck and Teboulle, 2009, section 4.
    """
    z = s
    yield s
    for denoise, momentum in zip(stages, momenta(), strict=False):
        previous = s
        s = denoise(gradient_step(z, x, H, step))
        z = s + momentum * (s - previous)
        yield s
