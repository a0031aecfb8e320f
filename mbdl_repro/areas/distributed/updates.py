"""What agents compute between messages; agents come first: vectors (P, n, N)."""

from __future__ import annotations

from typing import Annotated, Literal, NamedTuple

import torch
from torch import Tensor

from mbdl_repro.areas.sparse_recovery.updates.gradient_steps import proximal_gradient_step

Shrinkage = Literal["proximal", "subgradient"]
"""How a step takes ‖s_p‖₁ into account; by its subgradient no entry becomes 0."""


class Local(NamedTuple):
    """What some of the agents know of their own, c of them."""

    H: Tensor  # (c, m, N)
    x: Tensor  # (c, n, m)
    degrees: Tensor  # (c, 1, 1)

    def of(self, agents: Tensor) -> Local:
        """Return what these agents know."""
        return Local(*(part[agents] for part in self))


def local_gradient(
    s: Annotated[Tensor, "(c, n, N)"], local: Local
) -> Annotated[Tensor, "(c, n, N)"]:
    """Return the gradient of ½‖x_p − H_p s_p‖² of each agent, (c, n, N).

    Args:
        s: their estimates (c, n, N).
        local: what they know.
    """
    return torch.baddbmm(local.x, s, local.H.mT, beta=-1) @ local.H


def linearized_primal(
    s: Annotated[Tensor, "(c, n, N)"],
    u: Annotated[Tensor, "(c, n, N)"],
    sums: Annotated[Tensor, "(c, n, N)"],
    local: Local,
    penalty: Tensor | float,
    step: Tensor | float,
    weight: Tensor | float,
    shrinkage: Shrinkage = "proximal",
) -> Annotated[Tensor, "(c, n, N)"]:
    """Return estimates after a step down the augmented Lagrangian of D-ADMM.

    s_p ← T_{ατ}(s_p − α g_p),    g_p = H_pᵀ(H_p s_p − x_p) + u_p + ρ (D_p s_p − Σ_j s_j);
    by the subgradient, s_p ← s_p − α (g_p + τ sign s_p): the same where no entry changes its sign.

    Args:
        s: estimates (c, n, N).
        u: sums of dual variables (c, n, N).
        sums: Σ_j s_j of neighbours (c, n, N).
        local: what the agents know.
        penalty: ρ.
        step: α.
        weight: τ, of ‖s_p‖₁.
        shrinkage: by which step.

    Source: Noah and Shlezinger, 2024, of whose code the subgradient is; with u for D_p u.
    """
    slope = local_gradient(s, local) + u + penalty * (local.degrees * s - sums)
    if shrinkage == "subgradient":
        return s - step * (slope + weight * s.sign())
    return proximal_gradient_step(s, slope, step, step * weight)


def exact_primal(
    s: Annotated[Tensor, "(c, n, N)"],
    u: Annotated[Tensor, "(c, n, N)"],
    sums: Annotated[Tensor, "(c, n, N)"],
    local: Local,
    penalty: float,
    weight: float,
    inner_steps: int,
) -> Annotated[Tensor, "(c, n, N)"]:
    """Return the estimates of D-ADMM's primal problems, as far as so many steps find them.

    s_p ← argmin ½‖x_p − H_p s‖² + τ‖s‖₁ + ⟨u_p − ρ Σ_j s_j, s⟩ + ½ ρ D_p‖s‖²

    Args:
        s: where the steps start (c, n, N).
        u: sums of dual variables (c, n, N).
        sums: Σ_j s_j of neighbours (c, n, N).
        local: what the agents know.
        penalty: ρ.
        weight: τ.
        inner_steps: proximal gradient steps, each of size 1/(‖H_p‖² + ρ D_p).

    Source: Mota, Xavier, Aguiar and Püschel, 2013, "D-ADMM".
    """
    largest = torch.linalg.matrix_norm(local.H, 2).square()[:, None, None]
    step = 1 / (largest + penalty * local.degrees)
    for _ in range(inner_steps):
        s = linearized_primal(s, u, sums, local, penalty, step, weight)
    return s
