"""The network of ISTA's layers, all matrices free, its threshold fixed: what theory speaks of."""

from __future__ import annotations

from typing import Annotated, Any

import torch
from annotated_types import Ge, Gt
from torch import Tensor

from mbdl_repro.areas.sparse_recovery.free_layers import FreeLayers
from mbdl_repro.areas.sparse_recovery.scenario import SparseRecovery
from mbdl_repro.areas.sparse_recovery.updates.thresholding import (
    smooth_soft_threshold,
    soft_threshold,
)
from mbdl_repro.contract.method import Family


class IstaNetwork(FreeLayers):
    """Layers that end in a soft threshold, which stays as it is while matrices are learned.

    s_{k+1} = T_λ(W_k x + S_k s_k)

    Args:
        threshold: λ of each layer. At the start as ISTA, the weight of the ℓ₁ norm is λ L.
        sharpness: β of a smooth threshold, (log(1 + e^{β(z−λ)}) − log(1 + e^{β(−z−λ)}))/β, whose
            limit is T_λ; ``None``: T_λ itself.

    Maps x (n, n_observations) to ŝ (n, m).

    Source: Shultzman, Azar, Rodrigues and Eldar, 2023; Shah et al., 2024, for smooth ones.
    """

    name = "ista_network"
    family = Family.UNFOLDED_OBJECTIVE

    def __init__(
        self,
        belief: SparseRecovery,
        *,
        threshold: Annotated[float, Ge(0)],
        sharpness: Annotated[float, Gt(0)] | None = None,
        **settings: Any,
    ) -> None:
        super().__init__(belief, **settings)
        self.threshold = threshold
        self.sharpness = sharpness

    def activation(self, z: Tensor) -> Tensor:
        """Return z, shrunk by the threshold."""
        if self.sharpness is None:
            return soft_threshold(z, torch.as_tensor(self.threshold, dtype=z.dtype))
        return smooth_soft_threshold(z, self.threshold, self.sharpness)
