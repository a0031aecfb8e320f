"""H that is given as two functions: its inverses by conjugate gradients."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mbdl_repro.areas.image_restoration.physics.conjugate_gradient import solved
from mbdl_repro.areas.image_restoration.physics.linear_map import Function, LinearMap, tested_shape
from mbdl_repro.areas.image_restoration.physics.operator import Operator
from mbdl_repro.contract.seeding import rng_for


class GivenOperator(Operator):
    """A linear map that is known by two functions only: itself and its adjoint.

    Gradients pass through both, each by the other, whatever the functions are made of.

    Args:
        given: the map and its adjoint.
        sides: pixels a side of the images that it is for.
    """

    def __init__(self, given: LinearMap, sides: Iterable[int]) -> None:
        super().__init__()
        self.given = given
        self.side_of = {tested_shape(given, side): side for side in sides}
        """Pixels a side of an image, by the shape of what is observed of it."""

    def image_sides(self, x: Tensor) -> tuple[int, int]:
        """Return the side of the images whose observations have such a shape."""
        side = self.side_of.get(tuple(x.shape[1:]))
        if side is None:
            shapes = " or ".join(f"(n, {', '.join(map(str, shape))})" for shape in self.side_of)
            raise ValueError(
                f"observations have the shape {tuple(x.shape)}: should be {shapes}, as "
                f"{self.given.name!r} observes images"
            )
        return side, side

    def forward(self, s: Tensor) -> Tensor:
        """Return H s, by the function that is given."""
        return _Applied.apply(s, self.given.observed, self.given.back)

    def adjoint(self, x: Tensor) -> Tensor:
        """Return Hᵀx, by the function that is given."""
        return _Applied.apply(x, self.given.back, self.given.observed)

    def solve_gram(self, x: Tensor, ridge: Tensor | float) -> Tensor:
        """Solve by conjugate gradients, to ten digits."""
        rho = torch.as_tensor(ridge, dtype=x.dtype, device=x.device).expand(len(x))
        return _Solved.apply(x, rho, self)

    def lipschitz_constant(self, side: int) -> float:
        """Return the largest eigenvalue of HᵀH, by the method of Lanczos."""
        return _largest_eigenvalue(self.given, side)


class _Applied(torch.autograd.Function):
    """A linear function of arrays, with its adjoint for gradients."""

    @staticmethod
    def forward(ctx: Any, z: Tensor, function: Function, adjoint: Function) -> Tensor:
        ctx.functions = function, adjoint
        found = function(z.detach().cpu().numpy())
        return torch.tensor(np.ascontiguousarray(found)).to(z)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        function, adjoint = ctx.functions
        return _Applied.apply(gradients[0], adjoint, function), None, None


class _Solved(torch.autograd.Function):
    """y = (H Hᵀ + ρ I)⁻¹x, of which ∂y = (H Hᵀ + ρ I)⁻¹(∂x − ∂ρ y)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, ridge: Tensor, H: GivenOperator) -> Tensor:
        rho = ridge.view(-1, *[1] * (x.ndim - 1))
        y = solved(x, lambda p: H(H.adjoint(p)) + rho * p)
        ctx.save_for_backward(ridge, y)
        ctx.H = H
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None]:
        ridge, y = ctx.saved_tensors
        v = _Solved.apply(gradients[0], ridge, ctx.H)
        return v, -(v * y).flatten(1).sum(1), None


@cache
def _largest_eigenvalue(H: LinearMap, side: int) -> float:
    from scipy.sparse.linalg import LinearOperator, eigsh

    def normal(s: np.ndarray) -> np.ndarray:
        return H.back(H.observed(s.reshape(1, side, side))).ravel()

    start = rng_for("largest eigenvalue", side).standard_normal(side**2)
    gram = LinearOperator((side**2, side**2), matvec=normal, dtype=float)
    return float(eigsh(gram, k=1, which="LA", v0=start, return_eigenvectors=False)[0])
