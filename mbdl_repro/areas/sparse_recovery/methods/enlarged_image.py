"""What a camera shows of a movie, enlarged: what is to be better than looking at it."""

from __future__ import annotations

from typing import Annotated, Literal

from torch import Tensor
from torch.nn import functional

from mbdl_repro.areas.sparse_recovery.microscopy import MovieMethod, mean_statistic
from mbdl_repro.areas.sparse_recovery.systems.blinking_emitters import BlinkingEmitters
from mbdl_repro.contract.method import Family


class EnlargedImage(MovieMethod):
    """The variance image, or the mean image, by bicubic interpolation on the fine grid.

    Args:
        image_of: which of the two.

    Source: Dertinger, Colyer, Iyer, Weiss and Enderlein, 2009, "SOFI", of order two.
    """

    name = "enlarged_image"
    family = Family.MODEL_BASED

    def __init__(
        self, belief: BlinkingEmitters, *, image_of: Literal["variance", "mean"] = "variance"
    ) -> None:
        super().__init__(belief)
        self.image_of = image_of

    def statistic(self, x: Annotated[Tensor, "(n, T, N, N)"]) -> Annotated[Tensor, "(n, N, N)"]:
        """Return the images (n, N, N) that are enlarged, in units of one emitter.

        Args:
            x: movies (n, T, N, N), in photons.
        """
        return mean_statistic(x, self.belief) if self.image_of == "mean" else super().statistic(x)

    def forward(self, x: Tensor) -> Annotated[Tensor, "(n, G, G)"]:
        """Return the enlarged images (n, G, G)."""
        factor = self.belief.upsampling
        return functional.interpolate(self.image(x)[:, None], scale_factor=factor, mode="bicubic")[
            :, 0
        ]
