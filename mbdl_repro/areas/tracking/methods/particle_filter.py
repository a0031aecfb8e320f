"""The particle filter: the posterior as a weighted sample."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, Le
from torch import Tensor

from mbdl_repro.areas.tracking.kalman.nonlinear_filter import NonlinearFilter
from mbdl_repro.areas.tracking.kalman.particles import particle_filter
from mbdl_repro.areas.tracking.systems.state_space import StateSpace
from mbdl_repro.contract.method import Family


class ParticleFilter(NonlinearFilter):
    """Weighted samples of s_t, moved by f and noise, reweighted by p(x_t | s_t), and resampled.

    sⁱ_t = f(sⁱ_{t−1}) + vⁱ,  wⁱ_t ∝ wⁱ_{t−1} p(x_t | sⁱ_t),  ŝ_t = Σ wⁱ_t sⁱ_t

    As N grows the estimate becomes the conditional mean E[s_t | x_1 … x_t], which none can beat.
    Its random numbers are fixed, and the same for every trajectory.

    Args:
        belief: knows f, h, V, W, and the mean and covariance of s_0; W positive definite.
        n_particles: N.
        proposal: what noise vⁱ is drawn from: ``prior``, N(0, V); or ``linearized``, what is
            known of it once x_t is seen, with h linearized, weights being corrected for that:
            the locally optimal one where h is linear, of use where W is far smaller than V and
            h has about the same slope at all particles.
        resample_below: resample once 1 / Σ w² falls below this times N.
        seed: of the random numbers.

    Maps x (n_rows, T, n), NaN where missing, to ŝ (n_rows, T, m).

    Source: Gordon, Salmond and Smith, 1993; Doucet, Godsill and Andrieu, 2000.
    """

    name = "particle_filter"
    family = Family.MODEL_BASED

    def __init__(
        self,
        belief: StateSpace,
        *,
        n_particles: Annotated[int, Ge(2)] = 1000,
        proposal: Literal["prior", "linearized"] = "prior",
        resample_below: Annotated[float, Gt(0), Le(1)] = 0.5,
        seed: Annotated[int, Ge(0)] = 0,
        **settings: Any,
    ) -> None:
        super().__init__(belief, **settings)
        self.n_particles = n_particles
        self.proposal = proposal
        self.resample_below = resample_below
        self.seed = seed

    def moments(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return means and variances (n_rows, T, m) of the weighted samples."""
        return particle_filter(
            x,
            self.belief,
            n_particles=self.n_particles,
            proposal=self.proposal,
            resample_below=self.resample_below,
            seed=self.seed,
            **self.scales,
        )
