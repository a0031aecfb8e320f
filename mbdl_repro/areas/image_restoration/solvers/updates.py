"""What restoration methods are made of, besides H: steps as pure functions of images."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Annotated

from torch import Tensor

from mbdl_repro.areas.image_restoration.physics.conjugate_gradient import (
    conjugate_gradient_iterates,
)
from mbdl_repro.areas.image_restoration.physics.operator import Operator

Denoise = Callable[[Tensor], Tensor]
"""What stands for the proximal step of a prior: images (n, height, width) to images."""


def gradient_step(
    s: Annotated[Tensor, "(n, height, width)"],
    x: Annotated[Tensor, "(n, …)"],
    H: Operator,
    step: Tensor | float,
) -> Annotated[Tensor, "(n, height, width)"]:
    """Go down the gradient of ½‖x − H s‖²: s − μ Hᵀ(H s − x).

    Args:
        s: images (n, height, width).
        x: observations (n, …), as H makes them.
        H: the operator.
        step: μ, a number.

    Returns:
        Images (n, height, width).
    """
    return s - step * H.gradient(s, x)


def admm_iterates(
    s: Annotated[Tensor, "(n, height, width)"],
    x: Annotated[Tensor, "(n, …)"],
    H: Operator,
    stages: Iterable[tuple[Denoise, Tensor | float]],
) -> Iterator[Tensor]:
    """Yield v_0 = s, v_1, … of ADMM on ½‖x − H s‖² + φ(v), s = v, with a step size of the dual 1.

    s ← argmin ½‖x − H s‖² + ρ/2 ‖s − (v − u)‖²,  v ← D(s + u),  u ← u + s − v

    Where ρ changes, u changes with it, so that the dual variable ρu stays.

    With D the proximal map of φ/ρ it is ADMM; with a denoiser for it, plug-and-play ADMM.

    Args:
        s: the first image v_0 (n, height, width); u_0 = 0.
        x: observations (n, …), as H makes them.
        H: the operator.
        stages: (D, ρ) of each iteration.

    Source: Section 5.4; Venkatakrishnan, Bouman and Wohlberg, 2013.
    """
    v, u = s, s.new_zeros(s.shape)
    before: Tensor | float | None = None
    yield v
    for denoise, rho in stages:
        u = u if before is None else u * (before / rho)
        before = rho
        s = H.proximal(v - u, x, rho)
        v = denoise(s + u)
        u = u + s - v
        yield v


def half_quadratic_iterates(
    s: Annotated[Tensor, "(n, height, width)"],
    x: Annotated[Tensor, "(n, …)"],
    H: Operator,
    stages: Iterable[tuple[Denoise, Tensor | float]],
) -> Iterator[Tensor]:
    """Yield v_0 = s, v_1, … of half-quadratic splitting: ADMM without the dual variable.

    s ← argmin ½‖x − H s‖² + ρ/2 ‖s − v‖²,  v ← D(s)

    Args:
        s: the first image v_0 (n, height, width).
        x: observations (n, …), as H makes them.
        H: the operator.
        stages: (D, ρ) of each iteration.

    Source: Geman and Yang, 1995; Zhang, Zuo, Gu and Zhang, 2017, for D a network.
    """
    yield s
    for denoise, rho in stages:
        s = denoise(H.proximal(s, x, rho))
        yield s


def proximal_gradient_iterates(
    s: Annotated[Tensor, "(n, height, width)"],
    x: Annotated[Tensor, "(n, …)"],
    H: Operator,
    stages: Iterable[tuple[Denoise, Tensor | float]],
) -> Iterator[Tensor]:
    """Yield s_0 = s, s_1, … of proximal gradient descent: s ← D(s − μ Hᵀ(H s − x)).

    Args:
        s: the first image (n, height, width).
        x: observations (n, …), as H makes them.
        H: the operator.
        stages: (D, μ) of each iteration.

    Source: Section 5.3.
    """
    yield s
    for denoise, step in stages:
        s = denoise(gradient_step(s, x, H, step))
        yield s


def by_denoising_iterates(
    s: Annotated[Tensor, "(n, height, width)"],
    x: Annotated[Tensor, "(n, …)"],
    H: Operator,
    stages: Iterable[tuple[Denoise, float]],
    step: float,
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


def data_step(
    s: Annotated[Tensor, "(n, height, width)"],
    z: Annotated[Tensor, "(n, height, width)"],
    x: Annotated[Tensor, "(n, …)"],
    H: Operator,
    ridge: Tensor | float,
    iterations: int,
) -> Tensor:
    """Return nearly argmin_s ½‖x − H s‖² + λ/2 ‖s − z‖², by conjugate gradients from s.

    They solve (HᵀH + λ I) s = Hᵀx + λ z, and need of H itself and its adjoint only.

    Args:
        s: where to begin (n, height, width).
        z: the images to stay near (n, height, width).
        x: observations (n, …), as H makes them.
        H: the operator.
        ridge: λ > 0.
        iterations: of conjugate gradients.
    """
    normal = conjugate_gradient_iterates(
        s, H.adjoint(x) + ridge * z, lambda p: H.adjoint(H(p)) + ridge * p, iterations
    )
    for estimate in normal:  # noqa: B007  (only the last is wanted)
        pass
    return estimate
