"""Iterative soft interference cancellation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from annotated_types import Ge
from torch import Tensor

from mbdl_repro.areas.receivers.linear.detector import IterativeDetector, Received
from mbdl_repro.areas.receivers.linear.filters import without_interference
from mbdl_repro.areas.receivers.linear.posterior import (
    answer,
    log_posterior,
    mean_and_variance,
    uniform,
)
from mbdl_repro.areas.receivers.systems.linear_mimo import LinearMimo
from mbdl_repro.contract.method import Family


class SoftInterferenceCancellation(IterativeDetector):
    """Each user's posterior, with the means of all others taken away and their variance as noise.

    p_k ∝ exp(−½ (z_k − h_k s)ᵀ R_k⁻¹ (z_k − h_k s)),  z_k = y − Σ_{j≠k} h_j E[s_j],
    R_k = σ² I + Σ_{j≠k} Var[s_j] h_j h_jᵀ,  all users at once, from p_k uniform

    The first iteration decides as linear MMSE estimation does.

    Args:
        belief: gives σ too.
        iterations: Q.

    Maps x (n, N, T), or (n, N, K + T) with H before what is received, to ŝ (n, K, T): means of two
    amplitudes, of more the most probable one.

    Source: Choi, Cioffi and others, 2000; Shlezinger, Fu and Eldar, 2021, "DeepSIC".
    """

    name = "soft_interference_cancellation"
    family = Family.MODEL_BASED

    def __init__(self, belief: LinearMimo, *, iterations: Annotated[int, Ge(0)] = 5) -> None:
        super().__init__(belief)
        self.iterations: int = iterations
        self.noise_variance = belief.noise_std**2

    def refinements(self, received: Received) -> Iterator[Annotated[Tensor, "(n, K, T)"]]:
        """Yield estimates (n, K, T): before the first iteration, and after each."""
        H, y = received
        start = y.new_zeros(len(y), self.n_streams, y.shape[2])
        log_p = uniform(start, len(self.levels))
        yield start
        for _ in range(self.iterations):
            mean, variance = mean_and_variance(log_p, self.levels)
            seen = without_interference(H, y, mean, variance, self.noise_variance)
            log_p = log_posterior(*seen, self.levels)
            yield answer(log_p, self.levels)
