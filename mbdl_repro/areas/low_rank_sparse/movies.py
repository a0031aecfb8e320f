"""What methods share that find bubbles in movies."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import Annotated

import torch
from annotated_types import Ge, Gt
from torch import Tensor

from mbdl_repro.areas.low_rank_sparse.scenario import ContrastUltrasound
from mbdl_repro.contract.method import IterativeMethod, Method

Movies = Annotated[Tensor, "(n, T, N, N)"]


class MovieMethod(Method):
    """A rule that takes the tissue off a movie.

    Args:
        belief: gives T and N.

    Maps movies x (n, T, N, N), complex, in units in which tissue has power 1, to their bubbles
    ŝ (n, T, N, N).
    """

    def __init__(self, belief: ContrastUltrasound) -> None:
        super().__init__()
        self.shape = (belief.n_frames, belief.side, belief.side)

    @abstractmethod
    def bubbles(self, x: Movies) -> Movies:
        """Return the bubbles (n, T, N, N) of movies x (n, T, N, N) that are finite."""

    def forward(self, x: Movies) -> Movies:
        """Return the bubbles (n, T, N, N) of movies x (n, T, N, N); NaN if one is not finite."""
        movies, bad = self.checked(x)
        return self.bubbles(movies).masked_fill(bad, torch.nan)

    def checked(self, x: Movies) -> tuple[Movies, Annotated[Tensor, "(n, 1, 1, 1)"]]:
        """Return movies in double precision, and which have no finite power, (n, 1, 1, 1).

        Those are 0 in what is returned.

        Args:
            x: movies (n, T, N, N).

        Raises:
            ValueError: another shape, or real numbers; says what it should be.
        """
        if x.shape[1:] != self.shape or not x.is_complex():
            kind = "complex" if x.is_complex() else "real"
            raise ValueError(
                f"movies are {kind} and have the shape {tuple(x.shape)}: should be complex, "
                f"(n, {', '.join(map(str, self.shape))})"
            )
        x = x.to(torch.complex128)
        bad = ~torch.isfinite(x.abs().square().sum((1, 2, 3), keepdim=True))
        return torch.where(bad, 0.0, x), bad

    def loss(self, x: Movies, s: Movies) -> Tensor:
        """Return the mean over movies of ‖ŝ_i − s_i‖².

        Args:
            x: movies (n, T, N, N).
            s: their bubbles (n, T, N, N).
        """
        return torch.view_as_real(self.bubbles(x) - s).square().flatten(1).sum(1).mean()


class SeparationSteps(MovieMethod, IterativeMethod):
    """Steps that take a movie apart into tissue of low rank and sparse bubbles.

    Args:
        iterations: K, number of steps, or of layers.
        low_rank_weight: λ_L, of the nuclear norm of tissue; of layers, where they start.
        sparse_ratio: λ_S/λ_L; λ_S is the weight of the ℓ₁ norm of bubbles. About 1/N is usual.
    """

    def __init__(
        self,
        belief: ContrastUltrasound,
        *,
        iterations: Annotated[int, Ge(1)],
        low_rank_weight: Annotated[float, Gt(0)] = 6.0,
        sparse_ratio: Annotated[float, Gt(0)] = 0.13,
    ) -> None:
        super().__init__(belief)
        self.iterations: int = iterations
        self.low_rank_weight = low_rank_weight
        self.sparse_weight = sparse_ratio * low_rank_weight

    @abstractmethod
    def refinements(self, x: Movies) -> Iterator[Movies]:
        """Yield the bubbles (n, T, N, N) of finite movies before the first step, and after each."""

    def bubbles(self, x: Movies) -> Movies:
        """Return the last of the refinements (n, T, N, N)."""
        for S in self.refinements(x):  # noqa: B007  (only the last is wanted)
            pass
        return S

    def iterates(self, x: Movies) -> Iterator[Movies]:
        """Yield the bubbles (n, T, N, N) before the first step, and after each of K."""
        movies, bad = self.checked(x)
        for S in self.refinements(movies):
            yield S.masked_fill(bad, torch.nan)
