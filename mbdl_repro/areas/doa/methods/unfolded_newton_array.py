"""Gauss–Newton steps up a likelihood whose array is learned, unfolded."""

from __future__ import annotations

from mbdl_repro.areas.doa.learned.learned_objective import LearnedObjective
from mbdl_repro.areas.doa.learned.unfolded_newton_method import UnfoldedNewtonMethod
from mbdl_repro.contract.method import Family


class UnfoldedNewtonArray(LearnedObjective, UnfoldedNewtonMethod):
    """K steps u ← u + μ_k (G(u) + λ_k ḡ I)⁻¹ ∇J(u) up a learned objective, from ESPRIT.

    J = tr(P R) + α bᴴ R b / bᴴb,  b = Σ_m a(u_m)

    u = sin θ, P is the projector on the steering vectors at u, −G the Hessian of J after Gauss and
    Newton (of its first term alone where α < 0), and ḡ its mean diagonal. Trained are μ_k and λ_k;
    the places and gains of all sensors but the first; and α, 0 at first, which says how much
    sources are taken to be equal: 2K + 3 (N − 1) + 1 numbers, of which the last 3 (N − 1) + 1 are
    the same in all steps.

    Args:
        belief: gives M, N and the spacing of a uniform array.

    Maps x (n, N, T), complex, to angles (n, M) in rad, rising.

    Source: ours.
    """

    name = "unfolded_newton_array"
    family = Family.UNFOLDED_OBJECTIVE
    parent = "newton_likelihood"
    exact = False
