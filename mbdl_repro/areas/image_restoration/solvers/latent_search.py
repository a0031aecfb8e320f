"""The search for the latent variables whose image explains an observation best."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from mbdl_repro.areas.image_restoration.physics.operators import Operator

LEAST_NOISE_STD = 1e-3
"""Less noise cannot be told apart from none; no observation is trusted beyond it."""

Generator = Callable[[Tensor], tuple[Tensor, Tensor]]
"""Latent variables (n, d) to images (n, side, side) and derivatives (n, d, side, side)."""

Precision = Callable[[Tensor], Tensor]
"""Residuals of observations to C⁻¹ times them, C their covariance."""

FIRST_DAMPING = 1e-2
"""Of the Hessian's diagonal; it shrinks with each step that is taken, and grows with each other."""


def latent_search(
    z: Tensor,
    x: Tensor,
    H: Operator,
    generator: Generator,
    precision: Precision,
    weight: float,
    iterations: int,
) -> tuple[Tensor, Tensor]:
    """Go down ½ rᵀC⁻¹r + w/2 ‖z‖², r = x − H G(z), and return (z, objective), row by row.

    z ← z − (JᵀC⁻¹J + w I + μ diag(·))⁻¹ ∇,  J = H ∂G/∂z

    A row keeps a step that does not raise its objective, and divides its μ by 5; otherwise it
    stays, and multiplies μ by 5.

    Args:
        z: where to start (n, d).
        x: observations (n, …), as H makes them.
        H: the operator.
        generator: G with its derivatives.
        precision: C⁻¹.
        weight: w ≥ 0.
        iterations: number of steps tried.

    Source: Levenberg, 1944; Marquardt, 1963.
    """

    def state(z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return objective (n,), gradient (n, d), and approximate Hessian (n, d, d)."""
        n, d = z.shape
        s, derivatives = generator(z)
        r = x - H(s)
        J = H(derivatives.flatten(0, 1)).reshape(n, d, -1)
        weighted = precision(r).flatten(1)
        cost = 0.5 * (weighted * r.flatten(1)).sum(1) + 0.5 * weight * z.square().sum(1)
        scaled = precision(J.reshape(n * d, *x.shape[1:])).reshape(n, d, -1)
        hessian = scaled @ J.mT + weight * torch.eye(d, dtype=z.dtype, device=z.device)
        gradient = weight * z - (J @ weighted[:, :, None])[:, :, 0]
        return cost, gradient, hessian

    # Less than this is rounding: rows that have arrived go on alike, whatever their company.
    slack = 1e3 * torch.finfo(z.dtype).eps
    damping = z.new_full((len(z),), FIRST_DAMPING)
    cost, gradient, hessian = state(z)
    for _ in range(iterations):
        diagonal = hessian.diagonal(dim1=1, dim2=2)
        # A latent variable that moves nothing has no curvature of its own.
        floor = 1e-6 * diagonal.amax(1, keepdim=True) + torch.finfo(z.dtype).eps
        ridge = damping[:, None] * torch.maximum(diagonal, floor)
        moved = z - torch.linalg.solve(hessian + ridge.diag_embed(), gradient)
        new = state(moved)
        taken = new[0] <= cost * (1 + slack)
        z = torch.where(taken[:, None], moved, z)
        cost = torch.where(taken, new[0], cost)
        gradient = torch.where(taken[:, None], new[1], gradient)
        hessian = torch.where(taken[:, None, None], new[2], hessian)
        damping = torch.where(taken, damping / 5, damping * 5).clamp(1e-10, 1e10)
    return z, cost


def check_side(H: Operator, x: Tensor, side: int) -> None:
    """Refuse observations of images that a generator of one size does not draw.

    Args:
        H: the operator.
        x: observations (n, …), as H makes them.
        side: pixels a side of the images that the generator draws.

    Raises:
        ValueError: saying which size they have.
    """
    H.check(x)
    height, _ = H.image_sides(x)
    if height != side:
        raise ValueError(
            f"observations of shape {tuple(x.shape)} are of images with {height} pixels a "
            f"side: what is generated has {side}"
        )


def one_side(side: int, patch_side: int) -> int:
    """Return the side of all images, of training and of test.

    Args:
        side: pixels a side of the images of validation and test.
        patch_side: pixels a side of those of training.

    Raises:
        ValueError: if they have two.
    """
    if side != patch_side:
        raise ValueError(
            f"side is {side} and patch_side {patch_side}: should be equal, as the network "
            "generates images of one size"
        )
    return side
