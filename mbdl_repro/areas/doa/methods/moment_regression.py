"""Regression from the covariance to moments of the angles, then ESPRIT."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from annotated_types import Ge, Gt
from torch import Tensor, nn

from mbdl_repro.areas.doa.array import SensorArray
from mbdl_repro.areas.doa.signal.covariance import hermitian_toeplitz, real_entries
from mbdl_repro.areas.doa.signal.covariance_method import EspritMethod
from mbdl_repro.areas.doa.signal.features import centre_and_spread, scaled_covariance
from mbdl_repro.areas.doa.signal.moments import complex_moments, moments_of, real_moments
from mbdl_repro.contract.method import ClosedFormMethod, Family
from mbdl_repro.contract.scenario import Split


class MomentRegression(ClosedFormMethod, EspritMethod):
    """ESPRIT of the Toeplitz matrix of moments that kernel ridge regression finds.

    c_k = Σ_m exp(j 2π d k sin θ_m),  k = 1 … N − 1;  ĉ = c̄ + Σ_i w_i κ(r, r_i),
    Ŵ = argmin mean ‖ĉ − c‖² + λ tr(Wᵀ K W),  T(ĉ)_ij = ĉ_{j−i},  ĉ_0 = M

    r are the N² real numbers of R = X Xᴴ/T over R_00, each less its mean and over its standard
    deviation. Moments are smooth in the angles, and the same whatever their order. κ is Gaussian,
    exp(−‖r − r_i‖²/(2 h² N²)), or ``linear``, of which the N² × 2(N − 1) numbers of the linear map
    are kept. Gaussian kernels stand at the first training pairs, so many at most; with no more
    pairs than these it is kernel ridge regression, with more the regression on a subset.

    Args:
        belief: gives M, N and the spacing.
        kernel: κ.
        penalty: λ.
        width: h, of a Gaussian kernel.
        centres: most r_i, of a Gaussian kernel.

    Maps x (n, N, T), complex, to angles (n, M) in rad, rising.

    Source: textbook (kernel ridge regression); the moments are ours.
    """

    name = "moment_regression"
    family = Family.DISCRIMINATIVE_LEARNING

    def __init__(
        self,
        belief: SensorArray,
        *,
        kernel: Literal["gaussian", "linear"] = "gaussian",
        penalty: Annotated[float, Gt(0)] = 1e-3,
        width: Annotated[float, Gt(0)] = 1.0,
        centres: Annotated[int, Ge(1)] = 1000,
    ) -> None:
        super().__init__(belief)
        self.kernel, self.penalty, self.width = kernel, penalty, width
        entries, outputs = self.n_sensors**2, 2 * (self.n_sensors - 1)
        zeros = torch.zeros(centres + entries + 1, max(entries, outputs), dtype=torch.float64)
        self.centre: Tensor
        self.spread: Tensor
        self.centres: Tensor
        self.mean: Tensor
        self.register_buffer("centre", zeros[0, :entries].clone())
        self.register_buffer("spread", zeros[0, :entries] + 1)
        self.register_buffer("mean", zeros[0, :outputs].clone())
        if kernel == "gaussian":
            self.register_buffer("centres", zeros[:centres, :entries].clone())
        rows = centres if kernel == "gaussian" else entries
        self.weights = nn.Parameter(zeros[:rows, :outputs].clone())

    def prepare(self, split: Split) -> Split:
        """Return the entries of covariances over R_00 (n, N²) in place of snapshots."""
        return Split(self.features(split.x), split.s)

    def features(self, x: Annotated[Tensor, "(n, N, T)"]) -> Annotated[Tensor, "(n, N²)"]:
        """Return the entries (n, N²) of R/R_00 of snapshots (n, N, T); 0 where R_00 is."""
        entries = real_entries(scaled_covariance(x, self.n_sensors)).flatten(1)
        return entries / torch.where(entries[:, :1] > 0, entries[:, :1], 1)

    def regressors(self, r: Annotated[Tensor, "(n, N²)"]) -> Annotated[Tensor, "(n, K)"]:
        """Return what the moments are linear in (n, K): κ(r, r_i), or r itself, standardized.

        Args:
            r: entries of covariances over R_00 (n, N²).
        """
        r = (r - self.centre) / self.spread
        if self.kernel == "linear":
            return r
        return self._kernel(r, self.centres)

    def _kernel(self, r: Tensor, centres: Tensor) -> Tensor:
        products = r @ centres.mT
        squares = r.square().sum(-1, keepdim=True) + centres.square().sum(-1)
        scale = 2 * self.width**2 * r.shape[-1]
        return ((2 * products - squares).clamp_max(0) / scale).exp()

    def covariance(self, x: Annotated[Tensor, "(n, N, T)"]) -> Annotated[Tensor, "(n, N, N)"]:
        """Return T(ĉ) (n, N, N) of snapshots (n, N, T)."""
        c = self.mean + self.regressors(self.features(x)) @ self.weights
        return hermitian_toeplitz(complex_moments(c, self.n_sources))

    def loss(self, x: Annotated[Tensor, "(n, N²)"], s: Annotated[Tensor, "(n, M)"]) -> Tensor:
        """Return the mean over rows of ‖ĉ − c‖².

        Args:
            x: entries of covariances over R_00 (n, N²).
            s: true angles (n, M), in rad.
        """
        c = self.mean + self.regressors(x) @ self.weights
        return (c - self._targets(s)).square().sum(-1).mean()

    def _targets(self, s: Tensor) -> Tensor:
        return real_moments(moments_of(s, self.n_sensors, self.spacing))

    def solve(self, train: Split) -> None:
        """Solve for the weights, of at most ``centres`` kernels."""
        r, s = self.prepare(train)
        c = self._targets(s)
        self.mean.copy_(c.mean(0))
        c = c - self.mean
        for buffer, value in zip((self.centre, self.spread), centre_and_spread(r), strict=True):
            buffer.copy_(value)
        self.weights.zero_()
        ridge = len(r) * self.penalty
        if self.kernel == "linear":
            Z = self.regressors(r)
            self.weights.copy_(_solved(Z.mT @ Z, ridge, None, Z.mT @ c))
            return
        r = (r - self.centre) / self.spread
        m = min(len(r), len(self.centres))
        self.centres.zero_()
        self.centres[:m] = r[:m]
        K = self._kernel(r[:m], r[:m])
        if len(r) == m:
            self.weights[:m] = _solved(K, ridge, None, c)
        else:
            C = torch.cat([K, self._kernel(r[m:], r[:m])])
            self.weights[:m] = _solved(C.mT @ C, ridge, K, C.mT @ c)


def _solved(gram: Tensor, ridge: float, metric: Tensor | None, right: Tensor) -> Tensor:
    """Return (G + ρ K)⁻¹ C, K the identity where none is given, by Cholesky."""
    identity = torch.eye(len(gram), dtype=gram.dtype, device=gram.device)
    least = ROUNDING * gram.diagonal().mean()
    gram = gram + ridge * (identity if metric is None else metric) + least * identity
    return torch.cholesky_solve(right, torch.linalg.cholesky(gram))


ROUNDING = 1e-12
"""Added to the diagonal, over its mean: Gaussian kernels of neighbours are nearly the same."""
