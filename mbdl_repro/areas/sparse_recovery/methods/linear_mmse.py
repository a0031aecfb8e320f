"""The best linear estimator, which knows how large signals are but not that they are sparse."""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor

from mbdl_repro.areas.sparse_recovery.scenario import SparseRecovery
from mbdl_repro.contract.method import Family, Method


class LinearMMSE(Method):
    """The linear rule of least mean squared error, for uncorrelated entries of equal variance.

    ŝ = Hᵀ (H Hᵀ + (σ² / σ_s²) I)⁻¹ x,    σ_s² = E‖s‖² / m

    Args:
        belief: knows H, the energy of signals (sparsity and ``nonzero_std``) and the noise.

    Maps x (n, n_observations) to ŝ (n, m).

    Source: Section 5.1, the MMSE estimator, for a signal with C_s = σ_s² I.
    """

    name = "linear_mmse"
    family = Family.MODEL_BASED

    gain: Tensor

    def __init__(self, belief: SparseRecovery) -> None:
        super().__init__()
        H = torch.tensor(belief.H)
        ridge = belief.sigma**2 / (belief.mean_energy / belief.n_signal)
        # (HᵀH + c I)⁻¹ Hᵀ is the same; this one needs no more than independent rows at σ = 0.
        gain = torch.linalg.solve(H @ H.mT + ridge * torch.eye(len(H), dtype=H.dtype), H).mT
        self.register_buffer("gain", gain.contiguous())

    def forward(self, x: Annotated[Tensor, "(n, n_observations)"]) -> Annotated[Tensor, "(n, m)"]:
        """Return the estimates (n, m)."""
        return x @ self.gain.mT
