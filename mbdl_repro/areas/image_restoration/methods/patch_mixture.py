"""A mixture of Gaussians for patches, as the prior of whole images."""

from __future__ import annotations

import math
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
from mbdl_repro.areas.image_restoration.priors.gaussian_mixture import (
    Mixture,
    denoised,
    expectation_maximization,
    windows,
)
from mbdl_repro.areas.image_restoration.solvers.plug_and_play import denoising_levels
from mbdl_repro.areas.image_restoration.solvers.restoration import IterativeRestoration
from mbdl_repro.areas.image_restoration.solvers.updates import half_quadratic_iterates
from mbdl_repro.contract.method import ClosedFormMethod, Family, FitInputs, Split
from mbdl_repro.learning.training import History

MOST_WINDOWS = 4000
"""That are fitted: of more, equally spaced ones."""

ROUNDS = 12
"""Of expectation and maximization."""

FLOOR = 1e-4
"""Of a component's variance, relative to that of all pixels."""


class PatchMixture(IterativeRestoration, ClosedFormMethod):
    """Half-quadratic splitting with a Gaussian mixture of patches, fitted to images, as its prior.

    s ← argmin ½‖x − H s‖² + ρ_k/2 ‖s − v‖²,  v ← mean over windows of E[P s | P s + N(0, σ_k² I)]
    P s − mean ~ Σ_j π_j N(0, C_j),  ρ_k = c σ²/σ_k²,  σ_1 > … > σ_K = a σ in equal ratios

    The mixture is fitted to windows of training images, less their means, by expectation and
    maximization. EPLL restores each window by the component that is likeliest; here all have
    their share, and the answer is smooth in what is learned. Unfitted, all components are alike
    and of variance one: white.

    Args:
        belief: knows H and ``noise_std``, σ.
        iterations: K.
        window: pixels a side of a window.
        stride: pixels from one window to the next.
        components: of the mixture.
        prior: ν, how many windows the covariance of all stands for in each component.
        strength: a, the last level over the noise.
        first_std: σ_1, in pixels' units; ``None``: σ_K in all.
        penalty: c.

    Maps x (n, …), as the degradation makes it, to images (n, side, side), grey levels from 0 to 1.

    Source: Section 5.1, generative learning; Zoran and Weiss, 2011 (EPLL); Teodoro, Bioucas-Dias
    and Figueiredo, 2016, for the posterior mean.
    """

    name = "patch_mixture"
    family = Family.GENERATIVE_LEARNING

    def __init__(
        self,
        belief: DegradedImages,
        *,
        iterations: Annotated[int, Ge(1)] = 8,
        window: Annotated[int, Ge(2)] = 6,
        stride: Annotated[int, Ge(1)] = 3,
        components: Annotated[int, Ge(1)] = 8,
        prior: Annotated[float, Gt(0)] = 20.0,
        strength: Annotated[float, Gt(0)] = 2.0,
        first_std: Annotated[float, Gt(0)] | None = 0.2,
        penalty: Annotated[float, Gt(0)] = 0.3,
    ) -> None:
        super().__init__(belief, iterations=iterations)
        if stride > window:
            raise ValueError(
                f"stride is {stride}: should be at most the window, {window}, so that windows "
                "cover all pixels"
            )
        self.noise_std = positive_noise_std(belief)
        self.window = window
        self.stride = stride
        self.prior = prior
        self.penalty = penalty
        last = strength * self.noise_std
        self.levels = denoising_levels(last, first_std, iterations, math.inf)
        white = torch.eye(window**2, dtype=torch.float64)
        self.log_weights = nn.Parameter(torch.zeros(components, dtype=torch.float64))
        self.covariances = nn.Parameter(white.repeat(components, 1, 1))

    def iterates(
        self, x: Annotated[Tensor, "(n, …)"]
    ) -> Iterator[Annotated[Tensor, "(n, side, side)"]]:
        """Yield v_0 = H.start(x), v_1, …, v_K (n, side, side)."""
        mixture = Mixture(self.log_weights, self.covariances)
        stages = [
            (
                partial(denoised, mixture=mixture, variance=level**2, stride=self.stride),
                self.penalty * (self.noise_std / level) ** 2,
            )
            for level in self.levels
        ]
        return half_quadratic_iterates(self.H.start(x), x, self.H, stages)

    @torch.no_grad()
    def solve(self, train: Split) -> None:
        """Fit the mixture to windows of the training images."""
        _, height, width = train.s.shape
        inside = windows(train.s, self.window, 1)
        inside = inside[:, : height - self.window + 1, : width - self.window + 1].flatten(0, 2)
        n = len(inside)
        most = min(n, MOST_WINDOWS)
        chosen = torch.arange(most, device=inside.device) * (n - 1) // max(most - 1, 1)
        p = inside[chosen]
        p = p - p.mean(1, keepdim=True)
        fitted = expectation_maximization(p, len(self.log_weights), ROUNDS, self.prior, FLOOR)
        self.log_weights.copy_(fitted.log_weights)
        self.covariances.copy_(fitted.covariances)

    def _fit(self, inputs: FitInputs) -> History:
        """Solve; the history is one row, in which few training images stand for all."""
        train, validation = inputs[:2]
        self.solve(train)
        some = train.first(len(validation.s))
        train_loss, validation_loss = map(self.loss_on, (some, validation))
        return [{"step": 0, "train_loss": train_loss, "validation_loss": validation_loss}]
