"""Deep image prior: an untrained generator, fitted to one observation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from annotated_types import Ge
from torch import Tensor

from mbdl_repro.areas.image_restoration.physics.degradation import DegradedImages
from mbdl_repro.areas.image_restoration.solvers.untrained import Generators, UntrainedRestoration
from mbdl_repro.contract.method import Family

if TYPE_CHECKING:
    pass


class DeepImagePrior(UntrainedRestoration):
    """The image of a generator G whose weights are fitted to the observation alone.

    ŝ = G(θ̂),  θ̂ from K steps of Adam on ½‖x − H G(θ)‖², from the same θ_0 for every image

    It has seen no image: what regularizes is that G makes smooth images sooner than noise, and
    has few weights. Cut, for the time it takes on a CPU: G is a deep decoder, which mixes
    channels pixel by pixel with bilinear enlargement between, in place of an hourglass of some
    million weights; a few hundred steps in place of thousands; no noise on the input, and no
    mean over iterates.

    Args:
        iterations: K.
        channels: of G.
        layers: of G; its input has 2^(layers − 1) times fewer pixels a side.

    Maps x (n, …), as the degradation makes it, to images (n, side, side), grey levels from 0 to 1.

    Source: Section 5.4; Ulyanov, Vedaldi and Lempitsky, 2018; Heckel and Hand, 2019, for G.
    """

    name = "deep_image_prior"
    family = Family.DNN_AIDED_PRIOR
    untrained = True

    def __init__(
        self,
        belief: DegradedImages,
        *,
        channels: Annotated[int, Ge(2)] = 64,
        layers: Annotated[int, Ge(2)] = 4,
        **settings: Any,
    ) -> None:
        super().__init__(belief, **settings)
        self.channels = channels
        self.layers = layers

    def fitted(self, x: Tensor) -> Annotated[Tensor, "(n, side, side)"]:
        """Return the images (n, side, side) of generators after K steps."""
        generators = Generators(self.H.start(x), self.channels, self.layers)
        generators.descend(self.misfit(x), self.iterations, self.step)
        return generators.images().to(x.dtype)
