"""What methods share that make a covariance one of few sources, step by step, as Cadzow does."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import Annotated

import torch
from annotated_types import Ge
from torch import Tensor

from mbdl_repro.areas.doa.array import SensorArray
from mbdl_repro.areas.doa.signal.covariance import check_sizes, smoothed
from mbdl_repro.areas.doa.signal.covariance_iteration import CovarianceIteration
from mbdl_repro.areas.doa.signal.subspace import (
    angles_of,
    eigenvalues,
    esprit_roots,
    signal_subspace,
)


class CadzowMethod(CovarianceIteration):
    """Y_0 = (R − σ̂² I) / (tr R / N), steps to Y_K, and ESPRIT of what its sub-arrays span.

    Of an array without errors, each column of Y_0 is but for noise a sum of M steering vectors, so
    that pieces of L sensors in a row, of all columns, and mirrored, span M dimensions. σ̂² is the
    mean of the N − M smallest eigenvalues of R.

    Args:
        subarray: L; ``None``: N/2 + 1, or M + 1 if that is more.
    """

    def __init__(
        self,
        belief: SensorArray,
        *,
        iterations: Annotated[int, Ge(1)] = 4,
        subarray: Annotated[int, Ge(2)] | None = None,
    ) -> None:
        super().__init__(belief, iterations=iterations)
        self.subarray = check_sizes(belief, "forward_backward", subarray)

    @abstractmethod
    def steps(self, Y: Annotated[Tensor, "(n, N, N)"]) -> Iterator[Tensor]:
        """Yield Y_0, which is given, and what each step makes of it, (n, N, N).

        Args:
            Y: Y_0 (n, N, N), complex.
        """

    def angles_by_step(
        self, R: Annotated[Tensor, "(n, N, N)"]
    ) -> Iterator[Annotated[Tensor, "(n, M)"]]:
        """Yield the angles (n, M) of Y_0, then of what each step makes of it, from R (n, N, N)."""
        return map(self.angles, self.steps(self.start(R)))

    def start(self, R: Annotated[Tensor, "(n, N, N)"]) -> Annotated[Tensor, "(n, N, N)"]:
        """Return Y_0 (n, N, N) of covariances (n, N, N) with a diagonal of mean 1."""
        noise = eigenvalues(R)[:, : -self.n_sources].mean(-1)
        return R - torch.diag_embed(noise[:, None].expand(-1, self.n_sensors))

    def subspace(self, Y: Annotated[Tensor, "(n, N, N)"]) -> Annotated[Tensor, "(n, L, M)"]:
        """Return a basis (n, L, M) of what sub-arrays of Y (n, N, N) span most of."""
        return signal_subspace(
            smoothed(Y @ Y.mH, "forward_backward", self.subarray), self.n_sources
        )

    def angles(self, Y: Annotated[Tensor, "(n, N, N)"]) -> Annotated[Tensor, "(n, M)"]:
        """Return the angles (n, M) in rad, rising, of Y (n, N, N)."""
        return angles_of(esprit_roots(self.subspace(Y)), self.spacing)

    def projected(self, Y: Annotated[Tensor, "(n, N, N)"]) -> Annotated[Tensor, "(n, N, N)"]:
        """Return Y (n, N, N) with its pieces of L sensors projected, and averaged back."""
        Us = self.subspace(Y)
        return averaged_pieces(Us @ Us.mH, self.n_sensors) @ Y


def averaged_pieces(
    P: Annotated[Tensor, "(n, L, L)"], n_sensors: int
) -> Annotated[Tensor, "(n, N, N)"]:
    """Return the map (n, N, N) that multiplies all pieces y_k … y_{k+L−1} of y, and averages them.

    B = W⁻¹ Σ_k J_kᵀ P J_k, with J_k y the k-th piece, and W_ii the number of pieces with y_i. With
    P a projector it is the step of Cadzow from a Hankel matrix to one of low rank, and back.

    Args:
        P: what multiplies each piece, (n, L, L).
        n_sensors: N.
    """
    L = P.shape[-1]
    pad, K = torch.nn.functional.pad, n_sensors - L + 1
    total = sum(pad(P, (k, K - 1 - k, k, K - 1 - k)) for k in range(K))
    place = torch.arange(n_sensors, device=P.device)
    counts = torch.minimum(torch.minimum(place + 1, n_sensors - place), place.new_tensor(min(L, K)))
    return total / counts[:, None]
