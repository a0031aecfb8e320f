"""ADMM, the alternating direction method of multipliers, on ½‖x − H s‖² + ρ‖s‖₁."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated

import torch
from torch import Tensor

from mbdl_repro.areas.sparse_recovery.updates.gradient_steps import moved
from mbdl_repro.areas.sparse_recovery.updates.thresholding import soft_threshold

LARGEST_DUAL_STEP = (1 + 5**0.5) / 2
"""ADMM converges with μ below this, whatever λ is (Glowinski, 1984, section VI.5)."""


def with_orthogonal_rows(H: Annotated[Tensor, "(n_observations, m)"]) -> tuple[Tensor, Tensor]:
    """Factor H = U W, where UᵀU = I and the rows of W are orthogonal: W Wᵀ is diagonal.

    What ADMM solves for every s then is, for any c > 0 and with W Wᵀ = diag(d),

    (HᵀH + c I)⁻¹(Hᵀx + c z) = z + Wᵀ diag(1 / (d + c)) (Uᵀx − W z),

    no more than a step of ISTA; c enters as a number, through which gradients pass.

    Args:
        H: (n_observations, m).

    Returns:
        U (n_observations, r) and W (r, m), r = min(n_observations, m).
    """
    U, singular_values, Vt = torch.linalg.svd(H, full_matrices=False)
    return U, singular_values[:, None] * Vt


def admm_step(
    v: Annotated[Tensor, "(n, m)"],
    u: Annotated[Tensor, "(n, m)"],
    x: Annotated[Tensor, "(n, r)"],
    W: Annotated[Tensor, "(r, m)"],
    d: Annotated[Tensor, "(r,)"],
    rho: Tensor | float,
    penalty: Tensor | float,
    dual_step: Tensor | float,
) -> tuple[Tensor, Tensor, Tensor]:
    """Fit the observation, then shrink, then move the dual by where the two disagree.

    s ← (HᵀH + 2λ I)⁻¹(Hᵀx + 2λ(v − u)),    v ← T_{ρ/(2λ)}(s + u),    u ← u + μ(s − v)

    Args:
        v: the shrunken signal, which is sparse (n, m).
        u: dual variable, over 2λ (n, m).
        x: Uᵀx (n, r), with H = U W of :func:`with_orthogonal_rows`.
        W: (r, m).
        d: squared lengths of the rows of W (r,).
        rho: ρ > 0.
        penalty: λ > 0.
        dual_step: μ; from 0 to (1 + √5)/2 it converges to the minimum of F, for any λ.

    Returns:
        s, v, u, each (n, m).

    Source: Example 3.8; Glowinski, 1984, section VI.5, for the range of μ.
    """
    z = v - u
    s = torch.addmm(z, torch.addmm(x, z, W.mT, alpha=-1) / (d + 2 * penalty), W)
    v = soft_threshold(s + u, rho / (2 * penalty))
    return s, v, moved(u, s - v, dual_step)


def admm_iterates(
    x: Annotated[Tensor, "(n, n_observations)"],
    U: Annotated[Tensor, "(n_observations, r)"],
    W: Annotated[Tensor, "(r, m)"],
    settings: Iterable[tuple[Tensor | float, Tensor | float, Tensor | float]],
) -> Iterator[Annotated[Tensor, "(n, m)"]]:
    """Yield v = 0, then v after each step of ADMM with these (ρ, λ, μ), (n, m).

    Args:
        x: (n, n_observations).
        U: (n_observations, r), with H = U W of :func:`with_orthogonal_rows`.
        W: (r, m).
        settings: (ρ, λ, μ) of each iteration.
    """
    x = x @ U
    d = W.square().sum(1)
    v = u = x.new_zeros(len(x), W.shape[1])
    yield v
    for rho, penalty, dual_step in settings:
        _, v, u = admm_step(v, u, x, W, d, rho, penalty, dual_step)
        yield v
