"""The clutter filter as it is usually used: the largest singular values are taken for tissue."""

from __future__ import annotations

from typing import Annotated

from annotated_types import Ge
from torch import Tensor

from mbdl_repro.areas.low_rank_sparse.movies import MovieMethod
from mbdl_repro.areas.low_rank_sparse.scenario import ContrastUltrasound
from mbdl_repro.areas.low_rank_sparse.updates.singular_values import without_largest
from mbdl_repro.contract.method import Family


class SvdFilter(MovieMethod):
    """A movie without its largest singular values, as a matrix of frames by pixels.

    ŝ = Σ_{i > r} σ_i u_i v_iᴴ,  x = Σ_i σ_i u_i v_iᴴ

    Args:
        belief: gives T and N.
        n_removed: r.

    Source: Demené et al., 2015, "Spatiotemporal clutter filtering of ultrafast ultrasound data".
    """

    name = "svd_filter"
    family = Family.MODEL_BASED

    def __init__(self, belief: ContrastUltrasound, *, n_removed: Annotated[int, Ge(0)] = 2) -> None:
        super().__init__(belief)
        if n_removed >= belief.n_frames:
            raise ValueError(
                f"n_removed is {n_removed}: should be less than the {belief.n_frames} frames"
            )
        self.n_removed = n_removed

    def bubbles(self, x: Annotated[Tensor, "(n, T, N, N)"]) -> Annotated[Tensor, "(n, T, N, N)"]:
        """Return what is left (n, T, N, N) of movies x (n, T, N, N)."""
        return without_largest(x.flatten(2), self.n_removed).view_as(x)
