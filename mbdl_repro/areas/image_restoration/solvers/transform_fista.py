"""Images that few coefficients of a transform make up: FISTA, and the methods that it serves."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator
from typing import Annotated, Any

from annotated_types import Gt
from torch import Tensor

from mbdl_repro.areas.image_restoration.physics.degradation import DegradedImages
from mbdl_repro.areas.image_restoration.physics.operator import Operator
from mbdl_repro.areas.image_restoration.solvers.restoration import IterativeRestoration
from mbdl_repro.areas.image_restoration.solvers.updates import Denoise, gradient_step
from mbdl_repro.areas.sparse_recovery.updates.gradient_steps import momenta


def fista_iterates(
    s: Annotated[Tensor, "(n, height, width)"],
    x: Annotated[Tensor, "(n, …)"],
    H: Operator,
    step: float,
    stages: Iterable[Denoise],
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


class TransformFista(IterativeRestoration):
    """FISTA on ½‖x − H s‖² + ρ‖W s‖₁, W an orthonormal transform, with steps 1/L.

    Args:
        belief: knows H.
        weight: ρ.
    """

    def __init__(
        self,
        belief: DegradedImages,
        *,
        weight: Annotated[float, Gt(0)] = 0.01,
        **settings: Any,
    ) -> None:
        super().__init__(belief, **settings)
        self.weight = weight

    @abstractmethod
    def first(self, x: Tensor) -> Annotated[Tensor, "(n, side, side)"]:
        """Return s_0 (n, side, side)."""

    @abstractmethod
    def shrinkages(
        self, s: Annotated[Tensor, "(n, side, side)"], threshold: float
    ) -> Iterable[Denoise]:
        """Return Wᵀ T(W ·) of each iteration.

        Args:
            s: an image of each row (n, side, side), of which only shape and kind count.
            threshold: of T, ρ/L.
        """

    def iterates(self, x: Tensor) -> Iterator[Annotated[Tensor, "(n, side, side)"]]:
        """Yield s_0, s_1, …, s_K (n, side, side)."""
        s = self.first(x)
        L = self.H.lipschitz_constant(s.shape[1])
        return fista_iterates(s, x, self.H, 1 / L, self.shrinkages(s, self.weight / L))
