"""The search for the latent variables whose image explains an observation best."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Annotated

import torch
from annotated_types import Ge
from torch import Tensor

from mbdl_repro.areas.image_restoration.physics.degradation import DegradedImages
from mbdl_repro.areas.image_restoration.physics.operator import Operator
from mbdl_repro.areas.image_restoration.priors.prior import PriorMethod
from mbdl_repro.areas.image_restoration.solvers.restoration import Restoration

LEAST_NOISE_STD = 1e-3
"""Less noise cannot be told apart from none; no observation is trusted beyond it."""

Generator = Callable[[Tensor], tuple[Tensor, Tensor]]
"""Latent variables (n, d) to images (n, side, side) and derivatives (n, d, side, side)."""

Precision = Callable[[Tensor], Tensor]
"""Residuals of observations to C⁻¹ times them, C their covariance."""

FIRST_DAMPING = 1e-2
"""Of the Hessian's diagonal; it shrinks with each step that is taken, and grows with each other."""


def latent_search(
    z: Annotated[Tensor, "(n, d)"],
    x: Annotated[Tensor, "(n, …)"],
    H: Operator,
    generator: Generator,
    precision: Precision,
    weight: float,
    iterations: int,
) -> tuple[Tensor, Tensor]:
    """Go down ½ rᵀC⁻¹r + w/2 ‖z‖², r = x − H G(z), and return (z, objective), row by row.

    z ← z − (JᵀC⁻¹J + w I + μ diag(·))⁻¹ ∇,  J = H ∂G/∂z

    A row keeps a step that does not raise its objective, and divides its μ by 5; otherwise it
    stays, and multiplies μ by 5. A row whose objective is not finite has no answer: z is NaN.

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
        largest = diagonal.amax(1, keepdim=True)
        # A latent variable that moves nothing has no curvature of its own.
        floor = torch.where(largest > 0, 1e-6 * largest, 1.0)
        ridge = damping[:, None] * torch.maximum(diagonal, floor)
        # Unlike ``solve``, this refuses no row, and so not all for one that has no solution.
        moved = z - torch.linalg.solve_ex(hessian + ridge.diag_embed(), gradient).result
        new = state(moved)
        taken = new[0] <= cost * (1 + slack)
        z = torch.where(taken[:, None], moved, z)
        cost = torch.where(taken, new[0], cost)
        gradient = torch.where(taken[:, None], new[1], gradient)
        hessian = torch.where(taken[:, None, None], new[2], hessian)
        damping = torch.where(taken, damping / 5, damping * 5).clamp(1e-10, 1e10)
    return torch.where(cost.isfinite()[:, None], z, math.nan), cost


def lower(one: tuple[Tensor, Tensor], other: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """Return (z, objective), of each row that of two whose objective is lower.

    One that is not a number is never lower, and the other takes its place.

    Args:
        one: (n, d) and (n,).
        other: the same.
    """
    better = (other[1] < one[1]) | one[1].isnan()
    return torch.where(better[:, None], other[0], one[0]), torch.where(better, other[1], one[1])


class LatentRestoration(PriorMethod, Restoration):
    """A method that searches the latent variables of a generative network.

    Args:
        belief: knows H and σ.
        iterations: K, steps of a search.
        weight: w, of ½‖z‖² against the misfit; 1 is Bayes' rule.
    """

    def __init__(
        self,
        belief: DegradedImages,
        *,
        iterations: Annotated[int, Ge(1)],
        weight: Annotated[float, Ge(0)] = 1.0,
    ) -> None:
        super().__init__(belief)
        if belief.side != belief.patch_side:
            raise ValueError(
                f"side is {belief.side} and patch_side {belief.patch_side}: should be equal, as "
                "the network generates images of one size"
            )
        self.side = belief.side
        self.noise_std = max(float(belief.required("noise_std")), LEAST_NOISE_STD)
        self.iterations = iterations
        self.weight = weight

    def check(self, x: Tensor) -> None:
        """Refuse observations of images of another size than is drawn.

        Raises:
            ValueError: saying which size they have.
        """
        self.H.check(x)
        height, _ = self.H.image_sides(x)
        if height != self.side:
            raise ValueError(
                f"observations of shape {tuple(x.shape)} are of images with {height} pixels a "
                f"side: what is generated has {self.side}"
            )
