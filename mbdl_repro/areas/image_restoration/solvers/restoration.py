"""What methods share that know H: the operator, the number of iterations, the first image."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt
from torch import Tensor

from mbdl_repro.areas.image_restoration.physics.degradation import DegradedImages
from mbdl_repro.areas.image_restoration.physics.operator import Operator
from mbdl_repro.areas.image_restoration.physics.operators import operator_of
from mbdl_repro.contract.method import IterativeMethod, Method


class Restoration(Method):
    """A method that knows H.

    Args:
        belief: knows H.
    """

    def __init__(self, belief: DegradedImages) -> None:
        super().__init__()
        self.H: Operator = operator_of(belief)


class IterativeRestoration(Restoration, IterativeMethod):
    """A method that knows H, and makes a number of iterations.

    Args:
        belief: knows H.
        iterations: K, number of iterations.
    """

    def __init__(self, belief: DegradedImages, *, iterations: Annotated[int, Ge(1)]) -> None:
        super().__init__(belief)
        self.iterations: int = iterations


class GradientRestoration(IterativeRestoration):
    """A method that descends ½‖x − H s‖² by its gradient, from a black or a linear first image.

    Args:
        belief: knows H.
        step: μ; ``None``: 1/L, L the largest eigenvalue of HᵀH.
        start: s_0: a black image, or the linear estimate H.start(x).
    """

    def __init__(
        self,
        belief: DegradedImages,
        *,
        step: Annotated[float, Gt(0)] | None = None,
        start: Literal["zero", "linear"] = "linear",
        **settings: Any,
    ) -> None:
        super().__init__(belief, **settings)
        self.step = step
        self.start = start

    def first(self, x: Tensor) -> Annotated[Tensor, "(n, side, side)"]:
        """Return s_0 (n, side, side)."""
        s = self.H.start(x)
        return s if self.start == "linear" else s.new_zeros(s.shape)


def step_of(H: Operator, step: float | None, side: int) -> float:
    """Return the size of a gradient step, 1/L if nobody says another.

    Args:
        H: the operator.
        step: μ; ``None``: 1/L, L the largest eigenvalue of HᵀH.
        side: pixels a side of the images that L is of.
    """
    return 1 / H.lipschitz_constant(side) if step is None else step
