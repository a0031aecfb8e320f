"""Plug-and-play half-quadratic splitting, unfolded: its denoiser is trained through it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Annotated

import torch
from annotated_types import Ge, Gt
from torch import Tensor, nn

from mbdl_repro.areas.image_restoration.physics.degradation import (
    DegradedImages,
    positive_noise_std,
)
from mbdl_repro.areas.image_restoration.priors.denoiser import Denoiser
from mbdl_repro.areas.image_restoration.solvers.denoiser_first import DenoiserFirst
from mbdl_repro.areas.image_restoration.solvers.plug_and_play import denoising_levels
from mbdl_repro.areas.image_restoration.solvers.restoration import IterativeRestoration
from mbdl_repro.areas.image_restoration.solvers.updates import half_quadratic_iterates
from mbdl_repro.contract.method import Family


class UnfoldedHqs(DenoiserFirst, IterativeRestoration):
    """K steps of plug-and-play HQS, whose denoiser, levels and penalties are trained end to end.

    s ← argmin ½‖x − H s‖² + ρ_k/2 ‖s − v‖²,  v ← D(s, σ_k)

    All steps share D, the denoiser of plug-and-play. σ_k and ρ_k = c σ²/σ_k² start at its schedule;
    what is learned of them is the logarithm. A fit starts from the denoiser that plug-and-play
    uses, trained on images alone, where both are the same; or from random weights of it.

    Args:
        belief: knows H and ``noise_std``, σ.
        iterations: K.
        channels: of the denoiser.
        layers: of the denoiser.
        strength: a, of the last level before training, σ_K = aσ.
        penalty: c, before training.
        first_std: the level σ_1 before training, in pixels' units, as in plug-and-play.
        warm_start: whether a fit starts at the trained denoiser, or else at random weights.
        denoiser_steps: of gradient descent on images alone, before that through the iterations.

    Maps x (n, …), as the degradation makes it, to images (n, side, side), grey levels from 0 to 1.

    Source: Section 6.2, for the choice; Zhang, Van Gool and Timofte, 2020, for the unfolding.
    """

    name = "unfolded_hqs"
    family = Family.DNN_AIDED_PRIOR

    def __init__(
        self,
        belief: DegradedImages,
        *,
        iterations: Annotated[int, Ge(1)] = 8,
        channels: Annotated[int, Ge(1)] = 16,
        layers: Annotated[int, Ge(2)] = 5,
        strength: Annotated[float, Gt(0)] = 1.0,
        penalty: Annotated[float, Gt(0)] = 0.3,
        first_std: Annotated[float, Gt(0)] | None = 0.2,
        warm_start: bool = True,
        denoiser_steps: Annotated[int, Ge(1)] = 300,
    ) -> None:
        super().__init__(belief, iterations=iterations)
        noise_std = positive_noise_std(belief)
        self.prior = Denoiser(channels=channels, layers=layers)
        self.warm_start, self.denoiser_steps = warm_start, denoiser_steps
        largest = self.prior.largest_std
        last = min(strength * noise_std, largest)
        levels = torch.tensor(
            denoising_levels(last, first_std, iterations, largest), dtype=torch.float64
        )
        self.log_level = nn.Parameter(levels.log())
        self.log_rho = nn.Parameter((penalty * (noise_std / levels).square()).log())

    def iterates(
        self, x: Annotated[Tensor, "(n, …)"]
    ) -> Iterator[Annotated[Tensor, "(n, side, side)"]]:
        """Yield v_0 = H.start(x), v_1, …, v_K (n, side, side)."""
        D = self.prior.prepared()
        levels, penalties = self.log_level.exp(), self.log_rho.exp()
        stages = [(partial(D, std=s), r) for s, r in zip(levels, penalties, strict=True)]
        return half_quadratic_iterates(self.H.start(x), x, self.H, stages)
