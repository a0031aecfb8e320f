"""Conjugate gradients towards the posterior mean."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import torch
from annotated_types import Ge
from torch import Tensor

from mbdl_repro.areas.linear_estimation.scenario import LinearGaussian
from mbdl_repro.areas.linear_estimation.spectrum import prior_precision
from mbdl_repro.areas.linear_estimation.updates import conjugate_gradient_iterates
from mbdl_repro.contract.method import Family, IterativeMethod


class ConjugateGradient(IterativeMethod):
    """K steps of conjugate gradients on the equations of the posterior mean.

    Q s = Hᵀx/σ²,  Q = HᵀH/σ² + C_s⁻¹,  from s = 0

    Of all polynomials in Q of degree K − 1, times Hᵀx, it finds for each x the one that is
    nearest to the posterior mean: in the norm sᵀQ s, and not in that of the error.

    Args:
        belief: states ``observation_matrix``, ``signal_covariance`` and ``noise_std``.
        iterations: K, number of steps.

    Maps x (n, n_observations) to ŝ (n, n_signal).

    Source: Hestenes and Stiefel, 1952.
    """

    name = "conjugate_gradient"
    family = Family.MODEL_BASED

    H: Tensor
    Q: Tensor

    def __init__(self, belief: LinearGaussian, *, iterations: Annotated[int, Ge(1)]) -> None:
        super().__init__()
        H, P = torch.tensor(belief.matrix), torch.tensor(prior_precision(belief))
        self.noise_variance = belief.noise_variance
        self.register_buffer("H", H)
        self.register_buffer("Q", H.mT @ H / self.noise_variance + P)
        self.iterations: int = iterations

    def iterates(
        self, x: Annotated[Tensor, "(n, n_observations)"]
    ) -> Iterator[Annotated[Tensor, "(n, n_signal)"]]:
        """Yield s_0 = 0, s_1, …, s_K (n, n_signal)."""
        b = x @ self.H / self.noise_variance
        return conjugate_gradient_iterates(b, self.Q, self.iterations)
