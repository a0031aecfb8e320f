"""Maximum likelihood whose array and objective are learned through the angles that it finds."""

from __future__ import annotations

import math
from typing import Annotated

import torch
from torch import Tensor

from mbdl_repro.areas.doa.learned.learned_objective import LearnedObjective
from mbdl_repro.areas.doa.signal.features import scaled_covariance
from mbdl_repro.areas.doa.signal.likelihood_method import LikelihoodMethod
from mbdl_repro.areas.doa.signal.likelihood_search import LikelihoodSearch
from mbdl_repro.areas.doa.signal.periodic import periodic_loss
from mbdl_repro.areas.doa.signal.subspace import angles_of_sines
from mbdl_repro.contract.method import Family
from mbdl_repro.contract.scenario import Split


class LearnedLikelihood(LearnedObjective, LikelihoodMethod):
    """Angles of greatest J, with the array and α of J learned by gradient through them.

    θ̂ = argmax J(θ; p, g, α),  J = tr(P R) + α bᴴ R b / bᴴb,  b = Σ_m a(θ_m),
    dû = −(∂²J/∂u²)⁻¹ ∂(∇J) at û = sin θ̂

    p and g are places and gains of all sensors but the first, α says how much sources are taken to
    be equal: 3 (N − 1) + 1 real numbers, trained on the mean RMSPE. While it is trained, J is
    climbed to convergence from the true angles, so that errors are those of the maximum beside
    them, and gradients those of the implicit function. For an answer it is searched, and climbed
    from what is likeliest for free, and for α > 0 also for equal waveforms. At first the array is
    as it is believed to be, and α is 0: then it is maximum likelihood.

    Maps x (n, N, T), complex, to angles (n, M) in rad, rising.

    Source: Section 5.1, learned optimization; Amos and Kolter, 2017, for such gradients.
    """

    name = "learned_likelihood"
    family = Family.LEARNED_OPTIMIZATION
    parent = "maximum_likelihood"

    def prepare(self, split: Split) -> Split:
        """Return covariances (n, N, N), of trace 1, in place of snapshots."""
        return Split(scaled_covariance(split.x, self.n_sensors) / self.n_sensors, split.s)

    def loss(self, x: Annotated[Tensor, "(n, N, N)"], s: Annotated[Tensor, "(n, M)"]) -> Tensor:
        """Return the mean RMSPE, in rad, of the maxima that are climbed to from the true angles.

        Args:
            x: covariances (n, N, N), of trace 1.
            s: true angles (n, M), in rad.
        """
        search = self.search()
        with torch.no_grad():
            u, _ = self._climbed(x, s.sin(), search)
        at = self.objective(x, u)
        # A source at an end of the range, from where it climbs outwards, stays there.
        inside = (u.abs() < 1) | (at.gradient * u < 0)
        free = (inside | search.circular).to(u.dtype)
        H = at.hessian.detach() * free[:, :, None] * free[:, None, :] - torch.diag_embed(1 - free)
        u = u - torch.linalg.solve_ex(H, at.gradient * free)[0]
        return periodic_loss(angles_of_sines(search.within(u)), s)

    def likeliest(self, R: Annotated[Tensor, "(n, N, N)"]) -> Annotated[Tensor, "(n, M)"]:
        """Return the u = sin θ (n, M) of greatest J, in any order, of covariances (n, N, N)."""
        search = self.search()
        found = search(R)
        if not self.equal:
            return found
        starts = [found, self.search("shared")(R)] if self.equal > 0 else [found]
        reached = [self._climbed(R, start, search) for start in starts]
        values = torch.stack([value.nan_to_num(nan=-math.inf) for _, value in reached])
        angles = torch.stack([u for u, _ in reached])
        return search.within(angles[values.argmax(0), torch.arange(len(R), device=R.device)])

    def _climbed(self, R: Tensor, u: Tensor, search: LikelihoodSearch) -> tuple[Tensor, Tensor]:
        """Return where J is climbed to from u, and its value there."""
        return search.climb(lambda rows, u: self.objective(R[rows], u), u)
