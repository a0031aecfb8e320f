"""Least squares by gradient descent, stopped early."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from torch import Tensor

from mbdl_repro.areas.image_restoration.solvers.restoration import GradientRestoration, step_of
from mbdl_repro.areas.image_restoration.solvers.updates import proximal_gradient_iterates
from mbdl_repro.contract.method import Family


class GradientDescent(GradientRestoration):
    """Gradient descent on ½‖x − H s‖²: it tends to the closest of all images that agree with x.

    s_{k+1} = s_k − μ Hᵀ(H s_k − x)

    With 0 < μ < 2/L the error never grows where H sees, and what H does not see stays as in s_0.

    Maps x (n, …), as the degradation makes it, to images (n, side, side), grey levels from 0 to 1.

    Source: Landweber, 1951.
    """

    name = "gradient_descent"
    family = Family.MODEL_BASED

    def iterates(
        self, x: Annotated[Tensor, "(n, …)"]
    ) -> Iterator[Annotated[Tensor, "(n, side, side)"]]:
        """Yield s_0, s_1, …, s_K (n, side, side)."""
        s = self.first(x)
        step = step_of(self.H, self.step, s.shape[1])
        return proximal_gradient_iterates(s, x, self.H, [(_as_is, step)] * self.iterations)


def _as_is(s: Tensor) -> Tensor:
    return s
