"""Gauss–Newton steps up the likelihood, unfolded, with learned step sizes and dampings."""

from __future__ import annotations

from mbdl_repro.areas.doa.learned.unfolded_newton_method import UnfoldedNewtonMethod
from mbdl_repro.areas.doa.signal.likelihood import Sensors
from mbdl_repro.contract.method import Family


class UnfoldedNewton(UnfoldedNewtonMethod):
    """K steps u ← u + μ_k (G(u) + λ_k ḡ I)⁻¹ ∇J(u) up the likelihood J = tr(P R), from ESPRIT.

    u = sin θ, P is the projector on the steering vectors at u, −G the Hessian of J after Gauss and
    Newton, and ḡ its mean diagonal. Trained are μ_k and λ_k, 2K numbers.

    Maps x (n, N, T), complex, to angles (n, M) in rad, rising.

    Source: ours.
    """

    name = "unfolded_newton"
    family = Family.UNFOLDED_HYPERPARAMETERS
    parent = "newton_likelihood"

    @property
    def sensors(self) -> Sensors:
        """The sensors as they are believed to be."""
        return super().sensors
