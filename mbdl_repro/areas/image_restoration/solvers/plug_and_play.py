"""Plug-and-play: H, a denoiser as prior, and an iteration of both, each on its own."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Annotated, Any

from annotated_types import Ge, Gt
from torch import Tensor

from mbdl_repro.areas.image_restoration.physics.degradation import (
    DegradedImages,
    positive_noise_std,
)
from mbdl_repro.areas.image_restoration.priors.denoiser import Denoiser, Lipschitz
from mbdl_repro.areas.image_restoration.priors.prior import PriorMethod
from mbdl_repro.areas.image_restoration.solvers.restoration import (
    IterativeRestoration,
    Restoration,
)
from mbdl_repro.areas.image_restoration.solvers.updates import Denoise

Stage = tuple[Denoise, float]
"""Of one iteration: the denoiser at its level, and ρ."""


class DenoiserRestoration(PriorMethod, Restoration):
    """A method whose prior is a denoiser, trained on images alone at several noise levels.

    The proximal step of a prior takes away noise of variance σ²/ρ: with c = 1 the denoiser is
    taken to take away as much, ρ = c σ²/σ_D².

    The step that agrees with x turns noise into some of σ h/(h² + ρ) along a singular vector of H,
    h its singular value: at most σ/(2√ρ), which is σ_D at c = 1/4. So from there on no H leaves
    more noise than the denoiser takes away. A smaller c serves H whose singular values are near
    each other, and fails where some are small.

    Args:
        belief: knows H and ``noise_std``, σ.
        channels: of the denoiser.
        layers: of the denoiser.
        lipschitz: whether the denoiser is ``free`` or ``firmly_nonexpansive`` by construction.
        strength: a, the denoiser's level over the noise: σ_D = aσ.
        penalty: c, of ρ = c σ²/σ_D².

    Source: Zhang et al., 2022, equation 9 (where c is 0.23).
    """

    def __init__(
        self,
        belief: DegradedImages,
        *,
        channels: Annotated[int, Ge(1)] = 16,
        layers: Annotated[int, Ge(2)] = 5,
        lipschitz: Lipschitz = "free",
        strength: Annotated[float, Gt(0)],
        penalty: Annotated[float, Gt(0)],
        **settings: Any,
    ) -> None:
        super().__init__(belief, **settings)
        self.noise_std = positive_noise_std(belief)
        self.prior: Denoiser = Denoiser(channels=channels, layers=layers, lipschitz=lipschitz)
        self.level = min(strength * self.noise_std, self.prior.largest_std)
        self.penalty = penalty

    def stages(self, levels: Iterable[float]) -> list[Stage]:
        """Return the denoiser at levels σ_D, in pixels' units, each with its ρ = c σ²/σ_D²."""
        D = self.prior.prepared()
        return [
            (partial(D, std=level), self.penalty * (self.noise_std / level) ** 2)
            for level in levels
        ]


class PlugAndPlay(DenoiserRestoration, IterativeRestoration):
    """An iteration in which a denoiser replaces the proximal step, or the gradient, of a prior.

    Its level follows the noise: σ_K = aσ; and ρ_k = c σ²/σ_k². With ``first_std`` σ_k comes down
    to it in equal ratios, else it is constant, and then the iteration converges for a firmly
    non-expansive denoiser, if there is a fixed point.

    Args:
        belief: knows H and ``noise_std``, σ.
        iterations: K.
        strength: a, the denoiser's last level over the noise: σ_K = aσ.
        penalty: c, of ρ_k = c σ²/σ_k².
        first_std: the level σ_1 in the first iteration, in pixels' units, from which σ_k come down
            to σ_K in equal ratios; ``None``: σ_K in all.
    """

    def __init__(
        self,
        belief: DegradedImages,
        *,
        iterations: Annotated[int, Ge(1)] = 30,
        strength: Annotated[float, Gt(0)] = 2.0,
        penalty: Annotated[float, Gt(0)] = 0.3,
        first_std: Annotated[float, Gt(0)] | None = 0.2,
        **settings: Any,
    ) -> None:
        settings |= {"iterations": iterations, "strength": strength, "penalty": penalty}
        super().__init__(belief, **settings)
        self.levels = denoising_levels(self.level, first_std, iterations, self.prior.largest_std)

    @abstractmethod
    def iteration(
        self,
        s: Annotated[Tensor, "(n, side, side)"],
        x: Annotated[Tensor, "(n, …)"],
        stages: list[Stage],
    ) -> Iterator[Annotated[Tensor, "(n, side, side)"]]:
        """Yield s_0 = s, s_1, … (n, side, side), one more for each stage.

        Args:
            s: the first image (n, side, side).
            x: observations (n, …), as H makes them.
            stages: (D, ρ) of each iteration.
        """

    def iterates(self, x: Tensor) -> Iterator[Annotated[Tensor, "(n, side, side)"]]:
        """Yield s_0 = H.start(x), s_1, …, s_K (n, side, side)."""
        return self.iteration(self.H.start(x), x, self.stages(self.levels))

    def once_more(
        self, s: Annotated[Tensor, "(n, side, side)"], x: Annotated[Tensor, "(n, …)"]
    ) -> Tensor:
        """Return the image after another iteration, with the last level.

        Args:
            s: images (n, side, side).
            x: observations (n, …), as H makes them.
        """
        *_, moved = self.iteration(s, x, self.stages(self.levels[-1:]))
        return moved


def denoising_levels(
    last: float, first_std: float | None, iterations: int, largest_std: float
) -> list[float]:
    """Return the level σ_k that the denoiser is given in each iteration.

    From ``first_std``, if it is larger, levels come down to the last one in equal ratios, and
    without it all are equal.

    Args:
        last: the last level, in pixels' units.
        first_std: the first level, in pixels' units; ``None``: the last one.
        iterations: K.
        largest_std: what ``first_std`` is cut to: the largest level in the denoiser's training.

    Returns:
        σ_1, …, σ_K, in pixels' units.
    """
    first = last if first_std is None else max(min(first_std, largest_std), last)
    ratios = [k / (iterations - 1) if iterations > 1 else 1.0 for k in range(iterations)]
    return [first ** (1 - r) * last**r for r in ratios]
