"""Regularization by denoising: a denoiser's residual as the gradient of a regularizer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Lt
from torch import Tensor

from mbdl_repro.areas.image_restoration.physics.degradation import (
    DegradedImages,
    positive_noise_std,
)
from mbdl_repro.areas.image_restoration.physics.operators import operator_of
from mbdl_repro.areas.image_restoration.priors.denoiser import Denoiser
from mbdl_repro.areas.image_restoration.priors.prior import PriorMethod
from mbdl_repro.areas.image_restoration.solvers.plug_and_play import (
    by_denoising_iterates,
    denoising_levels,
    stages,
)
from mbdl_repro.contract.method import Family, IterativeMethod


class RegularizationByDenoising(PriorMethod, IterativeMethod):
    """Steps down ½‖x − H s‖² + w/2 sᵀ(s − D(s)), with a denoiser that was trained on images alone.

    z ← s − m (s − D(s, σ_k)),  s ← argmin ½‖x − H s‖² + w_k/(2m) ‖s − z‖²,  w_k = c σ²/σ_k²

    s − D(s) is the gradient of ½sᵀ(s − D(s)) only where D is homogeneous and its Jacobian
    symmetric, which no network is exactly; the iteration is the same without an objective.
    Where plug-and-play's estimate is denoised, this one's was last held against x.

    The denoiser's level follows the noise: σ_K = aσ. With ``first_std`` σ_k comes down to it in
    equal ratios, else it is constant, and then the iteration converges for a firmly
    non-expansive denoiser, if there is a fixed point.

    Args:
        belief: knows H and ``noise_std``, σ.
        iterations: K.
        channels: of the denoiser.
        layers: of the denoiser.
        lipschitz: whether the denoiser is ``free`` or ``firmly_nonexpansive`` by construction.
        strength: a, the last level over the noise.
        penalty: c, the weight of the regularizer over σ²/σ_k².
        step: m.
        first_std: the level σ_1 in the first iteration, in pixels' units; ``None``: σ_K.

    Source: Section 5.4; Romano, Elad and Milanfar, 2017; Reehorst and Schniter, 2019.
    """

    name = "regularization_by_denoising"
    family = Family.DNN_AIDED_PRIOR

    def __init__(
        self,
        belief: DegradedImages,
        *,
        iterations: Annotated[int, Ge(1)] = 30,
        channels: Annotated[int, Ge(1)] = 16,
        layers: Annotated[int, Ge(2)] = 5,
        lipschitz: Literal["free", "firmly_nonexpansive"] = "free",
        strength: Annotated[float, Gt(0)] = 2.0,
        penalty: Annotated[float, Gt(0)] = 0.3,
        step: Annotated[float, Gt(0), Lt(2)] = 1.0,
        first_std: Annotated[float, Gt(0)] | None = 0.2,
    ) -> None:
        super().__init__()
        self.iterations = iterations
        self.H = operator_of(belief)
        self.noise_std = positive_noise_std(belief)
        self.prior: Denoiser = Denoiser(channels=channels, layers=layers, lipschitz=lipschitz)
        self.penalty = penalty
        self.step = step
        self.levels = denoising_levels(
            self.noise_std, strength, first_std, iterations, self.prior.largest_std
        )

    def iterates(self, x: Tensor) -> Iterator[Tensor]:
        """Yield s_0, …, s_K (n, side, side)."""
        plugged = stages(self.prior, self.levels, self.noise_std, self.penalty)
        return by_denoising_iterates(self.H.start(x), x, self.H, plugged, self.step)

    def once_more(self, s: Tensor, x: Tensor) -> Tensor:
        """Return the image after another iteration, with the last level.

        Args:
            s: images (n, side, side).
            x: observations (n, …), as H makes them.
        """
        last = stages(self.prior, self.levels[-1:], self.noise_std, self.penalty)
        *_, moved = by_denoising_iterates(s, x, self.H, last, self.step)
        return moved
