"""Steps that take a movie apart: X ≈ L + S, frames of L in few dimensions, few entries in S.

min over L, S of F = ½‖X − L − S‖² + λ_L‖L‖_* + λ_S‖S‖₁, for complex movies (n, T, N, N), each a
matrix of T frames by N² pixels, one problem a row.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice, zip_longest
from typing import Annotated, NamedTuple

import torch
from torch import Tensor

from mbdl_repro.areas.low_rank_sparse.updates.singular_values import singular_value_threshold
from mbdl_repro.areas.sparse_recovery.updates.gradient_steps import momenta

Movies = Annotated[Tensor, "(n, T, N, N)"]


class Step(NamedTuple):
    """How far along the residual, and by how much what is found there is shrunk."""

    size: Tensor | float
    threshold: Tensor | float


def magnitude_threshold(z: Tensor, threshold: Tensor | float) -> Tensor:
    """Shrink every entry towards zero, and keep its phase: the proximal step of the ℓ₁ norm.

    T_β(z) = z max(1 − β/|z|, 0) = argmin_s ½|s − z|² + β|s|

    Args:
        z: complex, any shape.
        threshold: β ≥ 0.
    """
    power = torch.view_as_real(z).square().sum(-1)
    inverse = power.clamp_min(torch.finfo(power.dtype).tiny).rsqrt()
    return z * (1 - threshold * inverse).relu()


def low_rank_threshold(z: Movies, threshold: Tensor | float) -> Movies:
    """Shrink the singular values of each movie, a matrix of frames by pixels.

    Args:
        z: (n, T, N, N).
        threshold: τ ≥ 0.
    """
    return singular_value_threshold(z.flatten(2), threshold).reshape(z.shape)


def proximal_gradient(
    x: Movies, sparse: Iterable[Step], low_rank: Iterable[Step]
) -> Iterator[Movies]:
    """Yield S_0 = 0, S_1, …: L and S go down ½‖X − L − S‖² at once, and each is shrunk.

    L ← SVT_τ(L + μ (X − L − S)),  S ← T_β(S + ν (X − L − S)),  from L = S = 0

    With μ = ν = ½, the inverse of the largest curvature, and τ = μ λ_L, β = ν λ_S, F never rises.

    Args:
        x: X (n, T, N, N).
        sparse: ν and β of each step.
        low_rank: μ and τ of each step but the last, whose L nobody asks for.

    Source: Solomon et al., 2020, section III.
    """
    L = S = torch.zeros_like(x)
    yield S
    for of_S, of_L in zip_longest(sparse, low_rank):
        residual = x - L - S
        S = magnitude_threshold(S + of_S.size * residual, of_S.threshold)
        if of_L:
            L = low_rank_threshold(L + of_L.size * residual, of_L.threshold)
        yield S


def accelerated(
    x: Movies, low_rank_weight: float, sparse_weight: float, iterations: int
) -> Iterator[Movies]:
    """Yield T(X − L_k), k = 0, 1, …, of FISTA on F with S taken out of it.

    Given L, the best S is T_λS(X − L); what is left is smooth in L, with curvature 1, and has the
    gradient −(X − L − S). So a step is L ← SVT_λL(X − T_λS(X − Z)), Z the extrapolated L: twice
    as long as where L and S go at once.

    Args:
        x: X (n, T, N, N).
        low_rank_weight: λ_L.
        sparse_weight: λ_S.
        iterations: K.

    Source: Beck and Teboulle, 2009, section 4; that S is taken out is textbook.
    """
    L = Z = torch.zeros_like(x)
    yield magnitude_threshold(x, sparse_weight)
    for momentum in islice(momenta(), iterations):
        previous = L
        L = low_rank_threshold(x - magnitude_threshold(x - Z, sparse_weight), low_rank_weight)
        Z = torch.lerp(previous, L, 1 + momentum)
        yield magnitude_threshold(x - L, sparse_weight)
