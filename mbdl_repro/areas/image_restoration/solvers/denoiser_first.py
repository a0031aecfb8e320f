"""Methods whose denoiser is trained on images alone, before it is trained through iterations."""

from __future__ import annotations

from typing import Any

import torch

from mbdl_repro.areas.image_restoration.priors.denoiser import Denoiser
from mbdl_repro.areas.image_restoration.priors.prior import fit_once
from mbdl_repro.contract.method import FitInputs, Method
from mbdl_repro.contract.scenario import Split
from mbdl_repro.learning.training import History, part_of

DENOISING: dict[str, Any] = {
    "learning_rate": 0.01,
    "batch_size": 16,
    "clip_norm": 300.0,
    "validate_every": 100,
    "precision": "single",
}
"""Recipe of the denoiser that a fit may start from, but for its steps."""


class DenoiserFirst(Method):
    """An unfolded iteration with a denoiser as prior, that is fitted in two parts.

    First the denoiser is trained on images alone, or found, as plug-and-play has it: fits of equal
    denoisers to equal images are one. Then all is trained end to end. Without a warm start the
    second part is all, from random weights.
    """

    prior: Denoiser
    warm_start: bool
    """Whether a fit starts at the trained denoiser, or else at random weights."""
    denoiser_steps: int
    """Of gradient descent on images alone, before that through the iterations."""

    def initialize(self, train: Split, rng: torch.Generator) -> None:
        """Draw the denoiser's weights, unless it is trained already."""
        if not self.warm_start:
            self.prior.initialize(train, rng)

    def _fit(self, inputs: FitInputs) -> History:
        """Train the denoiser on images, or find it, if a fit starts there; then all, end to end."""
        if not self.warm_start:
            return super()._fit(inputs)
        from mbdl_repro.learning.recipe import Recipe

        recipe = Recipe(**DENOISING, steps=self.denoiser_steps)
        report = part_of(inputs.report, 0, 2, "denoiser: ")
        images = inputs.train.s, inputs.validation.s
        fitted = fit_once(self.prior, *images, recipe, report, inputs.shared)
        self.prior.load_state_dict(fitted.weights)
        return super()._fit(inputs._replace(report=part_of(inputs.report, 1, 2)))
