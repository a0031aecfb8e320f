"""What methods of sparse recovery share: their settings, and how they start."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from functools import partial
from itertools import repeat
from typing import Annotated, Any

import torch
from annotated_types import Ge, Gt, Lt
from torch import Tensor, nn

from mbdl_repro.areas.sparse_recovery.scenario import SparseRecovery
from mbdl_repro.areas.sparse_recovery.updates.admm import with_orthogonal_rows
from mbdl_repro.areas.sparse_recovery.updates.amp import Denoiser, amp_passes
from mbdl_repro.areas.sparse_recovery.updates.bernoulli_gaussian import posterior_mean
from mbdl_repro.areas.sparse_recovery.updates.gradient_steps import lipschitz_constant
from mbdl_repro.areas.sparse_recovery.updates.lasso_objective import until_gap
from mbdl_repro.areas.sparse_recovery.updates.layers import (
    coupled_step,
    layerwise,
    learning_coordinates,
)
from mbdl_repro.contract.method import ClosedFormMethod, IterativeMethod, Method


class IstaSteps(IterativeMethod):
    """Proximal gradient steps on ½‖x − H s‖² + ρ‖s‖₁ from s = 0, or layers that start as such.

    Args:
        belief: knows H.
        iterations: K, number of steps, or of layers.
        rho: ρ, weight of the ℓ₁ norm; of layers, where they start.
        step: μ; ``None``: 1/L, L the largest eigenvalue of HᵀH. Of layers, where they start.
    """

    H: Tensor

    def __init__(
        self,
        belief: SparseRecovery,
        *,
        iterations: Annotated[int, Ge(1)],
        rho: Annotated[float, Gt(0)],
        step: Annotated[float, Gt(0)] | None = None,
    ) -> None:
        super().__init__()
        self.register_buffer("H", torch.tensor(belief.H))
        self.iterations: int = iterations
        self.rho = rho
        self.step = 1 / lipschitz_constant(self.H) if step is None else step


class ProximalGradient(IstaSteps):
    """Proximal gradient steps that may stop where the duality gap is small.

    Args:
        gap_tolerance: hold a signal once its duality gap is at most this times ½‖x‖²;
            ``None``: take all K steps. Examples 3.6 and 5.6 stop on small changes instead.
    """

    def __init__(
        self,
        belief: SparseRecovery,
        *,
        gap_tolerance: Annotated[float, Gt(0)] | None = None,
        **settings: Any,
    ) -> None:
        super().__init__(belief, **settings)
        self.gap_tolerance = gap_tolerance

    def iterates(self, x: Tensor) -> Iterator[Annotated[Tensor, "(n, m)"]]:
        """Yield s_0 = 0, s_1, …, s_K (n, m); fewer where all duality gaps are small before."""
        return until_gap(self.descend(x), x, self.H, self.rho, self.gap_tolerance)

    @abstractmethod
    def descend(
        self, x: Annotated[Tensor, "(n, n_observations)"]
    ) -> Iterator[Annotated[Tensor, "(n, m)"]]:
        """Yield s_0 = 0, s_1, …, s_K (n, m) of observations x (n, n_observations)."""


class UnfoldedIsta(IstaSteps):
    """K layers, with settings or matrices that are learned, which start as steps of ISTA.

    Positive numbers are learned as logarithms. Every threshold starts at ``step`` · ρ.
    """

    def __init__(self, belief: SparseRecovery, **settings: Any) -> None:
        super().__init__(belief, **settings)
        self.log_threshold = layerwise(self.iterations, self.step * self.rho)


class LassoSolver(Method):
    """A rule that begins with the minimum of ½‖x − H s‖² + ρ‖s‖₁.

    Args:
        belief: knows H.
        rho: ρ, weight of the ℓ₁ norm; where it is ‖Hᵀx‖_∞ or more, the minimum is at 0.
        gap_tolerance: largest duality gap, relative to ½‖x‖², the objective of s = 0.
        max_iterations: first-order iterations, after which a row counts as unsolved (NaN).
    """

    H: Tensor

    def __init__(
        self,
        belief: SparseRecovery,
        *,
        rho: Annotated[float, Gt(0)],
        gap_tolerance: Annotated[float, Gt(0)] = 1e-10,
        max_iterations: Annotated[int, Ge(1)] = 100_000,
    ) -> None:
        super().__init__()
        self.register_buffer("H", torch.tensor(belief.H))
        self.rho = rho
        self.gap_tolerance = gap_tolerance
        self.max_iterations = max_iterations


class AdmmSteps(IterativeMethod):
    """Iterations of ADMM on ½‖x − H s‖² + ρ‖s‖₁, from v = u = 0; the estimate is v.

    s ← (HᵀH + 2λ I)⁻¹(Hᵀx + 2λ(v − u)),    v ← T_{ρ/(2λ)}(s + u),    u ← u + μ(s − v)

    Args:
        belief: knows H.
        iterations: K, number of iterations.
        rho: ρ, weight of the ℓ₁ norm; where it is learned, before training.
        penalty: λ, weight of ‖s − v‖² in the augmented Lagrangian; where it is learned, before
            training.
        dual_step: μ; below (1 + √5)/2 ADMM converges. Where it is learned, before training.
    """

    H: Tensor
    U: Tensor
    W: Tensor

    def __init__(
        self,
        belief: SparseRecovery,
        *,
        iterations: Annotated[int, Ge(1)],
        rho: Annotated[float, Gt(0)],
        penalty: Annotated[float, Gt(0)],
        dual_step: Annotated[float, Gt(0), Lt((1 + 5**0.5) / 2)] = 1.0,
    ) -> None:
        super().__init__()
        self.register_buffer("H", torch.tensor(belief.H))
        for name, factor in zip("UW", with_orthogonal_rows(self.H), strict=True):
            self.register_buffer(name, factor.contiguous())
        self.iterations: int = iterations
        self.rho = rho
        self.penalty = penalty
        self.dual_step = dual_step


class CoupledLayers(UnfoldedIsta):
    """Layers that apply learned matrices W_k to the residual of the known H.

    s_{k+1} = T_{θ_k}^{q_k}(s_k + γ_k W_kᵀ(x − H s_k)),    k = 0, …, K − 1,    s_0 = 0

    A LISTA whose two matrices are coupled: a right estimate without noise is left in place. Of
    W_k = P V_k it is V_k that is learned, with a fixed P that makes all its directions about as
    fast to learn.

    Args:
        belief: knows H.
    """

    P: Tensor
    PH: Tensor

    def __init__(self, belief: SparseRecovery, **settings: Any) -> None:
        super().__init__(belief, **settings)
        self.register_buffer("P", learning_coordinates(self.H))
        self.register_buffer("PH", self.P @ self.H)

    def learned(self, W: Tensor) -> nn.Parameter:
        """Return V = P⁻¹W of weights W (..., n_observations, m), to be learned."""
        return nn.Parameter(torch.linalg.solve(self.P, W))

    @abstractmethod
    def layers(self) -> Iterator[tuple[Tensor, Tensor | float, int]]:
        """Yield V_k (n_observations, m), γ_k and q_k of each layer."""

    def iterates(self, x: Tensor) -> Iterator[Annotated[Tensor, "(n, m)"]]:
        """Yield s_0 = 0, s_1, …, s_K (n, m)."""
        Px = x @ self.P
        s = x.new_zeros(len(x), self.PH.shape[1])
        yield s
        thresholds = self.log_threshold.exp()
        for (V, step, n_trusted), threshold in zip(self.layers(), thresholds, strict=True):
            s = coupled_step(s, Px, self.PH, V, threshold, step, n_trusted)
            yield s


class DenoisingAmp(IterativeMethod):
    """AMP from s = 0, with any denoiser of entries: r remembers, so that what it denoises is white.

    r ← x − H s + (Σ_i f′(z_i) / n) r,    z = s + Hᵀr,    τ = ‖r‖ / √n,    s ← f(z; τ)

    Args:
        belief: knows H, whose columns must be independent and of length one.
        iterations: K, number of steps.
    """

    H: Tensor

    def __init__(self, belief: SparseRecovery, *, iterations: Annotated[int, Ge(1)] = 10) -> None:
        super().__init__()
        if not belief.has_unit_columns:
            raise ValueError(
                "the columns of H are not of length one: AMP is for columns of independent "
                "entries and of length one, as in observation_matrix: unit_columns"
            )
        self.register_buffer("H", torch.tensor(belief.H))
        self.iterations: int = iterations

    @abstractmethod
    def denoisers(self) -> Iterator[Denoiser]:
        """Yield f of each step."""

    def matrix(self) -> Annotated[Tensor, "(n_observations, m)"]:
        """Return the H that it works with (n_observations, m)."""
        return self.H

    def iterates(
        self, x: Annotated[Tensor, "(n, n_observations)"]
    ) -> Iterator[Annotated[Tensor, "(n, m)"]]:
        """Yield s_0 = 0, s_1, …, s_K (n, m) of observations x (n, n_observations)."""
        H = self.matrix()
        yield x.new_zeros(len(x), H.shape[1])
        for step in amp_passes(x, H, self.denoisers()):
            yield step.s


class LearnedPriorAmp(DenoisingAmp, ClosedFormMethod):
    """AMP with the posterior mean of Bernoulli-Gaussian entries, whose two numbers are learned.

    Args:
        sparsity: p before it is fitted.
        nonzero_std: the standard deviation of nonzeros before it is fitted.
    """

    def __init__(
        self,
        belief: SparseRecovery,
        *,
        sparsity: Annotated[float, Gt(0), Lt(1)] = 0.5,
        nonzero_std: Annotated[float, Gt(0)] = 1.0,
        **settings: Any,
    ) -> None:
        super().__init__(belief, **settings)
        self.logit_sparsity = nn.Parameter(torch.tensor(sparsity, dtype=torch.float64).logit())
        self.log_variance = nn.Parameter(2 * torch.tensor(nonzero_std, dtype=torch.float64).log())

    def denoisers(self) -> Iterator[Denoiser]:
        """Yield the posterior mean, of every step."""
        prior = {"logit_p": self.logit_sparsity, "v": self.log_variance.exp()}
        return repeat(partial(posterior_mean, **prior), self.iterations)

    @torch.no_grad()
    def set_prior(self, p: Tensor, v: Tensor) -> None:
        """Take over a prior.

        Args:
            p: probability of an entry not to be 0.
            v: variance of those that are not.
        """
        self.logit_sparsity.copy_(p.logit())
        self.log_variance.copy_(v.log())
