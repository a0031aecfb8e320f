"""What methods share that map emitters from movies."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import torch
from annotated_types import Ge, Gt
from torch import Tensor

from mbdl_repro.areas.sparse_recovery.systems.blinking_emitters import BlinkingEmitters
from mbdl_repro.areas.sparse_recovery.updates.emitter_maps import (
    map_errors,
    map_lipschitz_constant,
    nonnegative_fista,
    variance_image,
)
from mbdl_repro.contract.method import IterativeMethod, Method, Split
from mbdl_repro.contract.scenario import Scenario


def mean_statistic(
    x: Annotated[Tensor, "(n, T, N, N)"], belief: BlinkingEmitters
) -> Annotated[Tensor, "(n, N, N)"]:
    """Return the mean images (n, N, N), of which one emitter has about A s Aᵀ.

    Args:
        x: movies (n, T, N, N), in photons.
        belief: gives the photons of an emitter, and how often it is on.
    """
    return x.mean(1) / (belief.photons * belief.on_probability)


class MovieMethod(Method):
    """A rule that sees one image of a movie: of variances, unless it says otherwise.

    Args:
        belief: gives sizes, the photons of an emitter, how often it is on, and the noise.

    Maps movies x (n, T, N, N), in photons, to maps ŝ (n, G, G) of emitters' variances, in units
    of one emitter's.
    """

    K: Tensor

    def __init__(self, belief: Scenario) -> None:
        super().__init__()
        if not isinstance(belief, BlinkingEmitters):
            raise ValueError(
                f"the scenario is {type(belief).__name__}: this method is for BlinkingEmitters"
            )
        self.belief = belief
        self.register_buffer("K", torch.tensor(belief.blur), persistent=False)

    def image(self, x: Annotated[Tensor, "(n, T, N, N)"]) -> Annotated[Tensor, "(n, N, N)"]:
        """Return the image (n, N, N) that the rule sees, in units of one emitter.

        Args:
            x: movies (n, T, N, N), in photons, or such images already.

        Raises:
            ValueError: another shape, or a single frame; says what it should be.
        """
        N = self.belief.camera_side
        if x.ndim == 3 and x.shape[1:] == (N, N):
            return x
        if x.ndim != 4 or x.shape[2:] != (N, N) or x.shape[1] < 2:
            raise ValueError(
                f"movies have the shape {tuple(x.shape)}: should be (n, T, {N}, {N}), "
                "with T frames, 2 or more"
            )
        return self.statistic(x)

    def statistic(self, x: Annotated[Tensor, "(n, T, N, N)"]) -> Annotated[Tensor, "(n, N, N)"]:
        """Return the variance images (n, N, N), of which one emitter has about B s Bᵀ.

        Args:
            x: movies (n, T, N, N), in photons.
        """
        unit = self.belief.photons**2 * self.belief.emitter_variance
        return variance_image(x, self.belief.noise_std) / unit

    def prepare(self, split: Split) -> Split:
        """Return the images (n, N, N) in place of movies: computed once a fit."""
        return Split(self.image(split.x), split.s)

    def loss(
        self, x: Annotated[Tensor, "(n, T, N, N)"], s: Annotated[Tensor, "(n, G, G)"]
    ) -> Tensor:
        """Return the mean over rows of the error of blurred maps, at the best scale.

        Args:
            x: movies (n, T, N, N), or images (n, N, N).
            s: maps (n, G, G).
        """
        return map_errors(self(x), s, self.K).mean()


class EmitterSteps(MovieMethod, IterativeMethod):
    """Steps towards a non-negative map, by what the camera is believed to see of an emitter.

    Args:
        iterations: K, number of steps, or of folds.
        psf_std_nm: ψ, standard deviation of the point-spread function that it goes by, in nm;
            ``None``: what is believed.
    """

    B: Tensor

    def __init__(
        self,
        belief: BlinkingEmitters,
        *,
        iterations: Annotated[int, Ge(1)],
        psf_std_nm: Annotated[float, Gt(0)] | None = None,
    ) -> None:
        super().__init__(belief)
        self.iterations: int = iterations
        width = belief.required("psf_std_nm") if psf_std_nm is None else psf_std_nm
        B = self.weights(torch.tensor(belief.believed(psf_std_nm=width).A))
        # Not stored: whoever is told another width goes by that one, with the step that fits it.
        self.register_buffer("B", B, persistent=False)
        self.longest_step = 1 / map_lipschitz_constant(self.B)

    def weights(self, A: Annotated[Tensor, "(N, G)"]) -> Annotated[Tensor, "(N, G)"]:
        """Return B (N, G) of the shares A (N, G) of light: in variances these are squared."""
        return A.square()


class EmitterFista(EmitterSteps):
    """FISTA with ℓ₁ weight on non-negative maps.

    Args:
        rho: ρ, weight of the ℓ₁ norm.
    """

    def __init__(
        self, belief: BlinkingEmitters, *, rho: Annotated[float, Gt(0)], **settings: Any
    ) -> None:
        super().__init__(belief, **settings)
        self.rho = rho

    def iterates(self, x: Tensor) -> Iterator[Annotated[Tensor, "(n, G, G)"]]:
        """Yield s_0 = 0, s_1, …, s_K (n, G, G)."""
        return nonnegative_fista(
            self.image(x), self.B, self.rho, self.longest_step, self.iterations
        )


class SmoothSteps(EmitterSteps):
    """Steps with a smooth threshold, or folds that start as such.

    Args:
        threshold: θ, in emitters: what is well below it becomes 0; of folds, where they start.
        sharpness: τ, of the gate at it; of folds, where they start.
        relative_step: μ ‖B‖⁴; up to 1 no step raises the residual.
    """

    def __init__(
        self,
        belief: BlinkingEmitters,
        *,
        threshold: Annotated[float, Gt(0)] = 0.02,
        sharpness: Annotated[float, Gt(0)] = 4.0,
        relative_step: Annotated[float, Gt(0)] = 1.0,
        **settings: Any,
    ) -> None:
        super().__init__(belief, **settings)
        self.threshold, self.sharpness = threshold, sharpness
        self.step = relative_step * self.longest_step
