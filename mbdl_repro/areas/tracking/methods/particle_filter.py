"""The particle filter: the posterior as a weighted sample."""

from __future__ import annotations

from typing import Annotated, Literal

from annotated_types import Ge, Gt, Le
from torch import Tensor

from mbdl_repro.areas.tracking import nonlinear
from mbdl_repro.areas.tracking.nonlinear import check_belief
from mbdl_repro.areas.tracking.state_space import StateSpace
from mbdl_repro.contract.method import Family, Method


class ParticleFilter(Method):
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
        process_noise_scale: what V, a covariance, is multiplied by.
        observation_noise_scale: what W, a covariance, is multiplied by.

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
        process_noise_scale: Annotated[float, Gt(0)] = 1.0,
        observation_noise_scale: Annotated[float, Gt(0)] = 1.0,
    ) -> None:
        super().__init__()
        check_belief(belief)
        self.belief = belief
        self.n_particles = n_particles
        self.proposal = proposal
        self.resample_below = resample_below
        self.seed = seed
        self.process_noise_scale = process_noise_scale
        self.observation_noise_scale = observation_noise_scale

    def forward(self, x: Tensor) -> Tensor:
        """Return the estimates (n, T, m) of trajectories x (n, T, n_observations)."""
        return self._filtered(x)[0]

    def claimed_variance(self, x: Tensor) -> Tensor:
        """Return the variances (n, T, m) of the weighted samples."""
        return self._filtered(x)[1]

    def _filtered(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return nonlinear.particle_filter(
            x,
            self.belief,
            n_particles=self.n_particles,
            proposal=self.proposal,
            resample_below=self.resample_below,
            seed=self.seed,
            process_noise_scale=self.process_noise_scale,
            observation_noise_scale=self.observation_noise_scale,
        )
