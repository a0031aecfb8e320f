"""D-ADMM with one gradient step in place of each primal problem."""

from __future__ import annotations

from mbdl_repro.areas.distributed.bases import LinearizedAdmm
from mbdl_repro.contract.method import Family


class LinearizedDAdmm(LinearizedAdmm):
    """Linearized D-ADMM: the same four numbers for every round and agent.

    s_p ← T_{ατ}(s_p − α (H_pᵀ(H_p s_p − x_p) + u_p + ρ (D_p s_p − Σ_j s_j)))
    u_p ← u_p + η Σ_j (s_p − s_j)

    By the subgradient, it steps by τ sign s_p, and does not shrink.

    Maps x (n, P, m) to what each agent believes s to be (n, P, N).

    Source: Noah and Shlezinger, 2024, "Distributed learn-to-optimize", whose code
    steps by the subgradient.
    """

    name = "linearized_d_admm"
    family = Family.MODEL_BASED
