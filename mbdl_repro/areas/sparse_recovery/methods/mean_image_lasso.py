"""Sparse recovery of emitters from the mean image of a movie, which ignores that they blink."""

from __future__ import annotations

from typing import Annotated

from torch import Tensor

from mbdl_repro.areas.sparse_recovery.microscopy import EmitterFista, mean_statistic
from mbdl_repro.contract.method import Family


class MeanImageLasso(EmitterFista):
    """The sparse, non-negative map of brightness that explains the mean image, by FISTA.

    min_{s ≥ 0} ½‖m − A s Aᵀ‖² + ρ Σ s,    m = mean(x) / (a p)

    It is SPARCOM with the mean in place of the variance, and its wider point-spread function.

    Source: Solomon, Eldar, Mutzafi and Segev, 2019, where it is what is compared with.
    """

    name = "mean_image_lasso"
    family = Family.MODEL_BASED

    def statistic(self, x: Annotated[Tensor, "(n, T, N, N)"]) -> Annotated[Tensor, "(n, N, N)"]:
        """Return the mean images (n, N, N), of which one emitter has about A s Aᵀ.

        Args:
            x: movies (n, T, N, N), in photons.
        """
        return mean_statistic(x, self.belief)

    def weights(self, A: Annotated[Tensor, "(N, G)"]) -> Annotated[Tensor, "(N, G)"]:
        """Return the shares A (N, G) of light themselves."""
        return A
