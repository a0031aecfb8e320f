"""Maximum likelihood by a few Gauss–Newton steps from what ESPRIT says."""

from __future__ import annotations

from mbdl_repro.areas.doa.signal.likelihood import Sensors
from mbdl_repro.areas.doa.signal.newton_method import NewtonMethod
from mbdl_repro.contract.method import Family


class NewtonLikelihood(NewtonMethod):
    """K steps u ← u + μ (G(u) + λ ḡ I)⁻¹ ∇J(u) up the likelihood J = tr(P R), from ESPRIT.

    u = sin θ, P is the projector on the steering vectors at u, −G the Hessian of J after Gauss and
    Newton, and ḡ its mean diagonal. It starts from three angles that ESPRIT says, and keeps the
    likeliest. With enough steps it comes to the angles of maximum likelihood that searches, where
    one of these starts is in their reach.

    Maps x (n, N, T), complex, to angles (n, M) in rad, rising.

    Source: Viberg, Ottersten and Kailath, 1991; the starts are ours.
    """

    name = "newton_likelihood"
    family = Family.MODEL_BASED

    @property
    def sensors(self) -> Sensors:
        """The sensors as they are believed to be."""
        return super().sensors
