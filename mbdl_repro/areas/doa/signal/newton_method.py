"""What methods share that climb a likelihood from what ESPRIT says, by a fixed number of steps."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterator
from typing import Annotated

import torch
from annotated_types import Ge, Gt
from torch import Tensor

from mbdl_repro.areas.doa.array import SensorArray
from mbdl_repro.areas.doa.signal.covariance import check_sizes, hermitian_toeplitz, smoothed
from mbdl_repro.areas.doa.signal.covariance_iteration import CovarianceIteration
from mbdl_repro.areas.doa.signal.likelihood import Derivatives, Sensors, gauss_newton, share
from mbdl_repro.areas.doa.signal.subspace import angles_of_sines, esprit_roots, signal_subspace

STARTS = 3
"""From what three covariances say: smoothed, of the first column, and as it is."""


class NewtonMethod(CovarianceIteration):
    """Steps u ← u + μ_k (G(u) + λ_k ḡ I)⁻¹ ∇J(u) in u = sin θ, from three starts.

    J is a likelihood of the sample covariance, −G its Hessian after Gauss and Newton, and ḡ the
    mean diagonal of G. Starts are what ESPRIT says of the covariance averaged over sub-arrays,
    forward and backward; of that of its first column; and of itself. A step moves no angle by
    more than a quarter of a beam. The answer of each iteration is the likeliest of the three,
    where an angle that was moved beyond an end of the range counts at this end, or from the other.

    Args:
        subarray: sensors of a sub-array of the first start; ``None``: N/2 + 1, or M + 1 if that
            is more.
        step_size: μ of all steps, as long as none is learned.
        damping: λ of all steps, as long as none is learned.
    """

    def __init__(
        self,
        belief: SensorArray,
        *,
        iterations: Annotated[int, Ge(1)] = 6,
        subarray: Annotated[int, Ge(2)] | None = None,
        step_size: Annotated[float, Gt(0)] = 1.0,
        damping: Annotated[float, Gt(0)] = 0.01,
    ) -> None:
        super().__init__(belief, iterations=iterations)
        self.subarray = check_sizes(belief, "forward_backward", subarray)
        self.step_size, self.damping = step_size, damping
        self.positions: Tensor  # in wavelengths
        self.gains: Tensor
        self.register_buffer("positions", torch.tensor(belief.positions), persistent=False)
        self.register_buffer("gains", torch.tensor(belief.gains), persistent=False)

    @property
    @abstractmethod
    def sensors(self) -> Sensors:
        """The sensors, as the method has them: here, as they are believed to be."""
        return Sensors(self.positions, self.gains)

    def step_sizes(self) -> Annotated[Tensor, "(K,)"]:
        """Return μ_k (K,)."""
        return self.positions.new_full((self.iterations,), self.step_size)

    def dampings(self) -> Annotated[Tensor, "(K,)"]:
        """Return λ_k (K,)."""
        return self.positions.new_full((self.iterations,), self.damping)

    def likelihood(
        self, R: Annotated[Tensor, "(n, N, N)"], u: Annotated[Tensor, "(n, M)"]
    ) -> Annotated[Tensor, "(n,)"]:
        """Return J (n,).

        Args:
            R: (n, N, N), Hermitian, of trace 1.
            u: sin θ (n, M).
        """
        return share(R, u, self.sensors)

    def objective(
        self, R: Annotated[Tensor, "(n, N, N)"], u: Annotated[Tensor, "(n, M)"]
    ) -> Derivatives:
        """Return J (n,), its gradient (n, M), and −G (n, M, M).

        Args:
            R: (n, N, N), Hermitian, of trace 1.
            u: sin θ (n, M).
        """
        return gauss_newton(R, u, self.sensors)

    def covariance(self, x: Annotated[Tensor, "(n, N, T)"]) -> Annotated[Tensor, "(n, N, N)"]:
        """Return the covariance (n, N, N) of snapshots (n, N, T), of trace 1."""
        return super().covariance(x) / self.n_sensors

    def angles_by_step(
        self, R: Annotated[Tensor, "(n, N, N)"]
    ) -> Iterator[Annotated[Tensor, "(n, M)"]]:
        """Yield the likeliest angles (n, M) of R (n, N, N), as ESPRIT says, then of each step."""
        every = R.repeat_interleave(STARTS, 0)
        for moved in self.climb(every, self.starts(R).flatten(0, 1)):
            u = self.within(every, moved)
            likelihood = self.likelihood(every, u).nan_to_num(nan=-math.inf).view(-1, STARTS)
            best = likelihood.argmax(1) + STARTS * torch.arange(len(R), device=u.device)
            yield angles_of_sines(u[best]).sort(-1).values

    def climb(
        self, R: Annotated[Tensor, "(n, N, N)"], u: Annotated[Tensor, "(n, M)"]
    ) -> Iterator[Annotated[Tensor, "(n, M)"]]:
        """Yield u (n, M), then what it has come to after each step, which may lie beyond ±1.

        Args:
            R: (n, N, N), Hermitian, of trace 1.
            u: sin θ (n, M), from where to climb.
        """
        longest = 0.25 / (self.n_sensors * self.spacing)
        yield u
        for size, damping in zip(self.step_sizes(), self.dampings(), strict=True):
            at = self.objective(R, u)
            G = -at.hessian
            mean = G.diagonal(dim1=-2, dim2=-1).mean(-1, keepdim=True)
            mean = mean.clamp_min(torch.finfo(mean.dtype).tiny)
            G = G + torch.diag_embed((damping * mean).expand_as(u))
            step = size * torch.linalg.solve_ex(G, at.gradient)[0]
            reach = step.abs().amax(-1, keepdim=True).clamp_min(1e-12)
            u = u + step * (longest / reach).clamp(max=1)
            yield u

    def starts(self, R: Annotated[Tensor, "(n, N, N)"]) -> Annotated[Tensor, "(n, 3, M)"]:
        """Return u (n, 3, M), as ESPRIT has it of three covariances; without gradients.

        Args:
            R: (n, N, N), Hermitian.
        """
        R = R.detach()
        covariances = (
            smoothed(R, "forward_backward", self.subarray),
            hermitian_toeplitz(R[..., 0].conj()),
            R,
        )
        z = [esprit_roots(signal_subspace(C, self.n_sources)) for C in covariances]
        u = -torch.stack(z, 1).angle() / (2 * math.pi * self.spacing)
        return u.clamp(-1, 1).sort(-1).values

    def within(
        self, R: Annotated[Tensor, "(n, N, N)"], u: Annotated[Tensor, "(n, M)"]
    ) -> Annotated[Tensor, "(n, M)"]:
        """Return u (n, M) in [−1, 1]: at an end, or from the other, whichever is the likelier.

        Args:
            R: (n, N, N), Hermitian, of trace 1.
            u: sin θ (n, M).
        """
        period = 1 / self.spacing
        ends = u.clamp(-1, 1)
        around = ((u + period / 2).remainder(period) - period / 2).clamp(-1, 1)
        with torch.no_grad():
            likelier = self.likelihood(R, around) > self.likelihood(R, ends)
        return torch.where(likelier[:, None], around, ends)
