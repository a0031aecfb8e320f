"""What unfolded climbs of the likelihood share: step sizes and dampings, and what they learn by."""

from __future__ import annotations

from typing import Annotated, Any

from torch import Tensor, nn

from mbdl_repro.areas.doa.array import SensorArray
from mbdl_repro.areas.doa.signal.newton_method import STARTS, NewtonMethod
from mbdl_repro.areas.doa.signal.periodic import assigned_errors
from mbdl_repro.areas.doa.signal.subspace import angles_of_sines
from mbdl_repro.contract.scenario import Split


class UnfoldedNewtonMethod(NewtonMethod):
    """Gauss–Newton steps, each with its own trained step size and damping.

    The loss is the mean over starts and rows of ½ ln(ε² + e²), e the RMSPE of what a start has come
    to after the last step: of the RMSPE itself, nearly all of the gradient is that of the few rows
    whose start leads to a wrong peak, whatever steps are made.
    """

    def __init__(self, belief: SensorArray, **settings: Any) -> None:
        super().__init__(belief, **settings)
        self.log_step_size = nn.Parameter(super().step_sizes().log())
        self.log_damping = nn.Parameter(super().dampings().log())

    def step_sizes(self) -> Annotated[Tensor, "(K,)"]:
        """Return μ_k (K,)."""
        return self.log_step_size.exp()

    def dampings(self) -> Annotated[Tensor, "(K,)"]:
        """Return λ_k (K,)."""
        return self.log_damping.exp()

    def prepare(self, split: Split) -> Split:
        """Return covariances (n, N, N), of trace 1, in place of snapshots."""
        return Split(self.covariance(split.x), split.s)

    def loss(self, x: Annotated[Tensor, "(n, N, N)"], s: Annotated[Tensor, "(n, M)"]) -> Tensor:
        """Return the mean over starts and rows of ½ ln(ε² + e²), e the RMSPE in rad.

        Args:
            x: covariances (n, N, N), of trace 1.
            s: true angles (n, M), in rad.
        """
        R = x.repeat_interleave(STARTS, 0)
        *_, u = self.climb(R, self.starts(x).flatten(0, 1))
        theta = angles_of_sines(self.within(R, u))
        errors = assigned_errors(theta, s.repeat_interleave(STARTS, 0))
        return 0.5 * (errors.square().mean(-1) + SMALL_ERROR**2).log().mean()


SMALL_ERROR = 3e-3
"""ε, in rad: to be better than this is worth little."""
