"""Least squares by gradient descent, stopped early."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from annotated_types import Ge, Gt
from torch import Tensor

from mbdl_repro.areas.image_restoration.physics.degradation import DegradedImages
from mbdl_repro.areas.image_restoration.physics.operators import operator_of
from mbdl_repro.areas.image_restoration.solvers.updates import proximal_gradient_iterates
from mbdl_repro.contract.method import Family, IterativeMethod


class GradientDescent(IterativeMethod):
    """Gradient descent on ½‖x − H s‖²: of all images that agree with x it nears the closest.

    s_{k+1} = s_k − μ Hᵀ(H s_k − x)

    With 0 < μ < 2/L the error never grows where H sees, and what H does not see stays as in s_0.

    Args:
        belief: knows H.
        iterations: K, number of steps.
        step: μ; ``None``: 1/L, L the largest eigenvalue of HᵀH.
        start: s_0: a black image, or the linear estimate H.start(x).

    Source: Landweber, 1951.
    """

    name = "gradient_descent"
    family = Family.MODEL_BASED

    def __init__(
        self,
        belief: DegradedImages,
        *,
        iterations: Annotated[int, Ge(1)],
        step: Annotated[float, Gt(0)] | None = None,
        start: Literal["zero", "linear"] = "linear",
    ) -> None:
        super().__init__()
        self.H = operator_of(belief)
        self.iterations: int = iterations
        self.step = step
        self.start = start

    def iterates(self, x: Tensor) -> Iterator[Tensor]:
        """Yield s_0, s_1, …, s_K (n, side, side)."""
        s = self.H.start(x)
        if self.start == "zero":
            s = s.new_zeros(s.shape)
        step = self.step
        if step is None:
            step = 1 / self.H.lipschitz_constant(s.shape[1])
        return proximal_gradient_iterates(s, x, self.H, [(_as_is, step)] * self.iterations)


def _as_is(s: Tensor) -> Tensor:
    return s
