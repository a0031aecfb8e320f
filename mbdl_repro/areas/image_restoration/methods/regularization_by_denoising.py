"""Regularization by denoising: a denoiser's residual as the gradient of a regularizer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from annotated_types import Gt, Lt
from torch import Tensor

from mbdl_repro.areas.image_restoration.physics.degradation import DegradedImages
from mbdl_repro.areas.image_restoration.solvers.plug_and_play import PlugAndPlay, Stage
from mbdl_repro.areas.image_restoration.solvers.updates import by_denoising_iterates
from mbdl_repro.contract.method import Family


class RegularizationByDenoising(PlugAndPlay):
    """Steps down ½‖x − H s‖² + w/2 sᵀ(s − D(s)), with a denoiser that was trained on images alone.

    z ← s − m (s − D(s, σ_k)),  s ← argmin ½‖x − H s‖² + w_k/(2m) ‖s − z‖²,  w_k = c σ²/σ_k²

    s − D(s) is the gradient of ½sᵀ(s − D(s)) only where D is homogeneous and its Jacobian
    symmetric, which no network is exactly; the iteration is the same without an objective.
    Where plug-and-play's estimate is denoised, this one's was last held against x.

    Args:
        penalty: c, the weight of the regularizer over σ²/σ_k².
        step: m.

    Maps x (n, …), as the degradation makes it, to images (n, side, side), grey levels from 0 to 1.

    Source: Section 5.4; Romano, Elad and Milanfar, 2017; Reehorst and Schniter, 2019.
    """

    name = "regularization_by_denoising"
    family = Family.DNN_AIDED_PRIOR

    def __init__(
        self,
        belief: DegradedImages,
        *,
        step: Annotated[float, Gt(0), Lt(2)] = 1.0,
        **settings: Any,
    ) -> None:
        super().__init__(belief, **settings)
        self.step = step

    def iteration(
        self, s: Tensor, x: Tensor, stages: list[Stage]
    ) -> Iterator[Annotated[Tensor, "(n, side, side)"]]:
        """Yield s_0 = s, s_1, … (n, side, side)."""
        return by_denoising_iterates(s, x, self.H, stages, self.step)
