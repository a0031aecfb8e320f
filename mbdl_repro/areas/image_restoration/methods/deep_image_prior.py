"""Deep image prior: an untrained generator, fitted to one observation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import torch
from annotated_types import Ge, Gt
from torch import Tensor

from mbdl_repro.areas.image_restoration.physics.degradation import DegradedImages
from mbdl_repro.areas.image_restoration.physics.operators import operator_of
from mbdl_repro.areas.image_restoration.solvers import untrained
from mbdl_repro.contract.method import Family, Method
from mbdl_repro.contract.scenario import Split
from mbdl_repro.contract.shared_fits import SharedFits, unshared
from mbdl_repro.learning.training import History, Report, silent

if TYPE_CHECKING:
    from mbdl_repro.learning.recipe import Recipe


class DeepImagePrior(Method):
    """The image of a generator G whose weights are fitted to the observation alone.

    ŝ = G(θ̂),  θ̂ from K steps of Adam on ½‖x − H G(θ)‖², from the same θ_0 for every image

    It has seen no image: what regularizes is that G makes smooth images sooner than noise, and
    has few weights. Cut, for the time it takes on a CPU: G is a deep decoder, which mixes
    channels pixel by pixel with bilinear enlargement between, in place of an hourglass of some
    million weights; a few hundred steps in place of thousands; no noise on the input, and no
    mean over iterates.

    Args:
        belief: knows H.
        iterations: K.
        channels: of G.
        layers: of G; its input has 2^(layers − 1) times fewer pixels a side.
        step: Adam's.

    Source: Section 5.4; Ulyanov, Vedaldi and Lempitsky, 2018; Heckel and Hand, 2019, for G.
    """

    name = "deep_image_prior"
    family = Family.DNN_AIDED_PRIOR
    untrained = True

    def __init__(
        self,
        belief: DegradedImages,
        *,
        iterations: Annotated[int, Ge(1)] = 100,
        channels: Annotated[int, Ge(2)] = 64,
        layers: Annotated[int, Ge(2)] = 4,
        step: Annotated[float, Gt(0)] = 0.03,
    ) -> None:
        super().__init__()
        self.H = operator_of(belief)
        self.iterations = iterations
        self.channels = channels
        self.layers = layers
        self.step = step

    def fit(
        self,
        train: Split,
        validation: Split,
        recipe: Recipe,
        rng: torch.Generator,
        report: Report = silent,
        shared: SharedFits = unshared,
    ) -> History:
        """Learn nothing: there is no data that the weights are fitted to but each observation."""
        return []

    def forward(self, x: Tensor) -> Tensor:
        """Return the fitted images (n, side, side)."""
        return torch.cat([self._fitted(part) for part in x.split(untrained.ROWS)])

    def _fitted(self, x: Tensor) -> Tensor:
        first = self.H.start(x)
        fit = untrained.start(first, self.channels, self.layers)

        def loss(s: Tensor) -> Tensor:
            return 0.5 * (self.H(s.to(x.dtype)) - x).square().sum()

        untrained.descend(fit, loss, self.iterations, self.step)
        return untrained.images(fit).to(x.dtype)
