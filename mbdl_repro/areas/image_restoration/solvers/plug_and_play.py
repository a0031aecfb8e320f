"""What methods that plug a denoiser into an iteration share: its strength at each stage."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial

from torch import Tensor

from mbdl_repro.areas.image_restoration.physics.operators import Operator
from mbdl_repro.areas.image_restoration.priors.denoiser import Denoiser
from mbdl_repro.areas.image_restoration.solvers.updates import Denoise


def denoising_levels(
    noise_std: float, strength: float, first_std: float | None, iterations: int, largest_std: float
) -> list[float]:
    """Return the level σ_k that the denoiser is given in each iteration.

    The last is ``strength`` times the noise; from ``first_std``, if it is larger, levels come
    down to it in equal ratios, and without it all are equal. None is above what training saw.

    Args:
        noise_std: σ, in pixels' units.
        strength: the last level over σ.
        first_std: the first level, in pixels' units; ``None``: the last one.
        iterations: K.
        largest_std: the largest noise level in the denoiser's training, in pixels' units.

    Returns:
        σ_1, …, σ_K, in pixels' units.
    """
    last = min(strength * noise_std, largest_std)
    first = last if first_std is None else max(min(first_std, largest_std), last)
    ratios = [k / (iterations - 1) if iterations > 1 else 1.0 for k in range(iterations)]
    return [first ** (1 - r) * last**r for r in ratios]


def stages(
    denoiser: Denoiser, levels: list[float], noise_std: float, penalty: float
) -> list[tuple[Denoise, float]]:
    """Return the denoiser, and ρ_k = c σ²/σ_k², of each iteration.

    The proximal step of a prior takes away noise of variance σ²/ρ: c = 1 says that the denoiser
    takes away as much.

    Args:
        denoiser: D.
        levels: σ_k, in pixels' units.
        noise_std: σ, in pixels' units.
        penalty: c.

    Source: Zhang et al., 2022, equation 9 (where c is 0.23).
    """
    return [(partial(denoiser, std=level), penalty * noise_std**2 / level**2) for level in levels]


def by_denoising_iterates(
    s: Tensor, x: Tensor, H: Operator, stages: Iterable[tuple[Denoise, float]], step: float
) -> Iterator[Tensor]:
    """Yield s_0 = s, s_1, … of steps down ½‖x − H s‖² + w/2 sᵀ(s − D(s)).

    z ← s − m (s − D(s)),  s ← argmin ½‖x − H s‖² + w/(2m) ‖s − z‖²

    A gradient step of size m/w on the regularizer, whose gradient is taken to be w(s − D(s)),
    and a proximal step on the rest, so that at a fixed point Hᵀ(H s − x) + w(s − D(s)) = 0
    for every m. With m = 1 it is half-quadratic splitting that ends with the other half.

    Args:
        s: the first image (n, height, width).
        x: observations (n, …), as H makes them.
        H: the operator.
        stages: (D, w) of each iteration.
        step: m; below 2 it converges for D firmly non-expansive, if there is a fixed point.

    Source: Romano, Elad and Milanfar, 2017; Reehorst and Schniter, 2019, for the proximal form.
    """
    yield s
    for denoise, weight in stages:
        z = s - step * (s - denoise(s))
        s = H.proximal(z, x, weight / step)
        yield s
